/** Rows of measurements as text: in columns, or as a table for RESULTS.md. */

/** @typedef {{ name: string, value: number, goal: number | null, pass: boolean | null }} Row */

/** What stands above the rows. @param {string} machine @param {boolean} markdown */
export function heading(machine, markdown) {
  return markdown ? `${machine}\n\n| row | value | goal | |\n| --- | --- | --- | --- |` : machine;
}

/** Smaller is better: a row passes when it is at most its goal. @param {Omit<Row, "pass">} row @returns {Row} */
export function judged({ name, value, goal }) {
  return { name, value, goal, pass: goal === null ? null : value <= goal };
}

/** @param {Row} row @param {boolean} markdown */
export function line({ name, value, goal, pass }, markdown) {
  const verdict = pass === null ? "" : pass ? "pass" : "MISS";
  const number = Number.isInteger(value) ? String(value) : value.toFixed(3);
  const bound = goal === null || Number.isInteger(1000 * goal) ? goal : goal.toFixed(3);
  if (markdown) return `| ${name} | ${number} | ${bound ?? ""} | ${verdict} |`;
  return `${name.padEnd(72)} ${number.padStart(8)}${goal === null ? "" : `   goal ${bound}   ${verdict}`}`;
}
