/** Keys that differ by a prefix alone, as wrappers of a network put one before all of them. */

/** A prefix and what is to come in its place, as the option `rename` takes them: `{ [prefix]: replacement }`. */
export interface PrefixFound {
  readonly prefix: string;
  readonly replacement: string;
  /** How many of the wanted keys there are with it. */
  readonly fitting: number;
}

/**
 * The prefix that is to be taken from the keys that there are, or put before them, so that most of the wanted keys are among them; undefined
 * where none brings more than half of those that are missing.
 */
export function prefixBetween(keys: readonly string[], wanted: readonly string[]): PrefixFound | undefined {
  const there = new Set(keys);
  const asked = new Set(wanted);
  const missing = wanted.filter((key) => !there.has(key));
  const unexpected = keys.filter((key) => !asked.has(key));
  const less = best(unexpected, missing);
  const more = best(missing, unexpected);
  if (Math.max(less.count, more.count) * 2 <= missing.length) return undefined;
  if (less.count >= more.count) return { prefix: less.prefix, replacement: "", fitting: less.count + wanted.length - missing.length };
  // It is put before the keys that fit, too.
  return { prefix: "", replacement: more.prefix, fitting: more.count };
}

/** The prefix by which most of the short keys become long ones. What is tried comes of the longest short keys, which tell most. */
function best(long: readonly string[], short: readonly string[]): { prefix: string; count: number } {
  const set = new Set(long);
  const longest = short.toSorted((a, b) => b.length - a.length).slice(0, 3);
  const prefixes = new Set(longest.flatMap((end) => long.filter((key) => key.endsWith(`.${end}`)).map((key) => key.slice(0, -end.length))));
  let found = { prefix: "", count: 0 };
  // There are few, as few keys end like such long ones. The bound is for files that are made to have many.
  for (const prefix of [...prefixes].slice(0, 50)) {
    const count = short.filter((key) => set.has(prefix + key)).length;
    if (count > found.count) found = { prefix, count };
  }
  return found;
}
