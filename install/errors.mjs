/** The error of the install scripts, and how its text is laid out: what failed, what was tried, what to do. */

/** The last remedy. It was npm or a person that ran us: what to type is what was typed before. */
export const AGAIN = "Then run the same command again.";

/**
 * @typedef {"ERR_PLATFORM" | "ERR_LIBTORCH" | "ERR_ADDON"} InstallErrorCode codes of DgsamError that installing can raise
 */

export class InstallError extends Error {
  /**
   * @param {InstallErrorCode} code
   * @param {string} message
   * @param {{ remedies?: string[], tried?: import("./find.mjs").Attempt[], cause?: unknown }} [details]
   */
  constructor(code, message, { remedies = [], tried = [], cause } = {}) {
    const parts = [message];
    if (tried.length > 0) parts.push("Tried, in this order:", ...describeAttempts(tried));
    if (remedies.length > 0) parts.push("What helps:", ...remedies.map((remedy) => `  ${remedy}`));
    super(parts.join("\n"), { cause });
    this.name = "InstallError";
    this.code = code;
    this.tried = tried;
  }
}

/**
 * One line for each attempt, places in a column.
 * @param {import("./find.mjs").Attempt[]} attempts
 */
export function describeAttempts(attempts) {
  return attempts.map(({ place, outcome, detail }) => `  ${place}: ${outcome}${detail === "" ? "" : `, ${detail}`}`);
}
