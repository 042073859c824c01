/**
 * Ratios of times, measured so that they hold on a noisy machine: the two sides run in turn, A B A B ..., each pair
 * gives one ratio, and the median of the ratios is reported. Nothing here knows what is measured.
 */

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * A side of a comparison: runs so many iterations and tells the seconds they took.
 * @typedef {(iterations: number) => number | Promise<number>} Side
 */

/** A side that runs a synchronous function in this process. @param {() => void} body @returns {Side} */
export function local(body) {
  return (iterations) => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < iterations; i++) body();
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
}

/** How many iterations take about `seconds`. @param {Side} side @param {number} seconds */
async function calibrate(side, seconds) {
  for (let iterations = 1; ; iterations *= 4) {
    const took = await side(iterations);
    if (took >= seconds / 4 || iterations > 1e8) return Math.max(1, Math.round((iterations * seconds) / took));
  }
}

// What a just-in-time compiler takes to be done with the code of a step.
const WARM_UP_SECONDS = 2;

/**
 * The median ratio of the time of `a` to that of `b`, per iteration, once both are warm.
 * @param {Side} a @param {Side} b @param {{ pairs?: number, seconds?: number }} [options]
 * @returns {Promise<{ ratio: number, a: number, b: number }>} the ratio and each side's median seconds per iteration
 */
export async function compare(a, b, { pairs = 11, seconds = 0.25 } = {}) {
  const iterationsA = await calibrate(a, seconds);
  const iterationsB = await calibrate(b, seconds);
  for (let warm = 0; warm < WARM_UP_SECONDS; warm += 2 * seconds) {
    await a(iterationsA);
    await b(iterationsB);
  }
  const timesA = [];
  const timesB = [];
  for (let pair = 0; pair < pairs; pair++) {
    timesA.push((await a(iterationsA)) / iterationsA);
    timesB.push((await b(iterationsB)) / iterationsB);
    // Lets finalizers and timers run: they are not what is measured.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { ratio: median(timesA.map((time, i) => time / timesB[i])), a: median(timesA), b: median(timesB) };
}
