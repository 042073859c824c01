/**
 * Ratios of times, measured so that they hold on a noisy machine: the two sides run in short turns, A B A B ..., and the
 * fastest tenth of the turns of each counts, as in any timing that wants the program and not its neighbours. Nothing here
 * knows what is measured.
 */

import { setTimeout } from "node:timers/promises";

/** The value that a share of the values is below. @param {number[]} values @param {number} share */
function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)];
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

/**
 * How many iterations take about `seconds`. A cold first call, which loads code or allocates, must not be taken for the pace:
 * a count is believed when the same count takes as long once more.
 * @param {Side} side @param {number} seconds
 */
export async function calibrate(side, seconds) {
  for (let iterations = 1; ; iterations *= 4) {
    const took = Math.min(await side(iterations), await side(iterations));
    if (took >= seconds / 4 || iterations > 1e8) return Math.max(1, Math.round((iterations * seconds) / took));
  }
}

/** Longer turns against another process, and a rest before each: its threads go on spinning for milliseconds into ours, and ours into its. */
export const ACROSS_PROCESSES = { turn: 0.1, rest: 0.01 };

// Of the measured time, and before it: a just-in-time compiler is done with the code of a step after about two seconds.
const WARM_UP = 0.4;
const LEAST_TURNS = 20;

/**
 * The ratio of the time of `a` to that of `b`, per iteration, once both are warm.
 * @param {Side} a @param {Side} b
 * @param {{ seconds: number, turn?: number, share?: number, rest?: number }} options about how long all turns take, after the warm-up, how long
 * one takes, which turn of each side counts, the one that this share of them is faster than, and how long nothing runs before each turn
 */
export async function compare(a, b, { seconds, turn = 0.001, share = 0.1, rest = 0 }) {
  const perTurn = Math.min(turn, seconds / LEAST_TURNS);
  const iterationsA = await calibrate(a, perTurn);
  const iterationsB = await calibrate(b, perTurn);
  const timesA = [];
  const timesB = [];
  const started = process.hrtime.bigint();
  const elapsed = () => Number(process.hrtime.bigint() - started) / 1e9;
  const warm = WARM_UP * seconds;
  while (elapsed() < warm + seconds || timesA.length < LEAST_TURNS) {
    const perIteration = [];
    for (const [side, iterations] of [[a, iterationsA], [b, iterationsB]]) {
      if (rest > 0) await setTimeout(1000 * rest);
      perIteration.push((await side(iterations)) / iterations);
    }
    // Lets finalizers and timers run: they are not what is measured.
    await new Promise((resolve) => setImmediate(resolve));
    if (elapsed() < warm) continue;
    timesA.push(perIteration[0]);
    timesB.push(perIteration[1]);
  }
  return quantile(timesA, share) / quantile(timesB, share);
}
