/** Several sides in turns: A B C, C B A, ... The median turn of each counts; nothing here knows what is measured. */

import { calibrate } from "../measure.mjs";

const LEAST_TURNS = 9;
/** Of each side, before anything is measured: a captured function records in its second step, cuDNN chooses in its first. */
const WARM_UP = 2;

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * Seconds per iteration of each side.
 * @template {Record<string, import("../measure.mjs").Side>} Sides
 * @param {Sides} sides
 * @param {number} seconds about how long all turns take together, after the warm-up
 * @returns {Promise<Record<keyof Sides, number>>}
 */
export async function inTurns(sides, seconds) {
  const all = Object.entries(sides).map(([name, side]) => ({ name, side, iterations: 1, times: /** @type {number[]} */ ([]) }));
  for (const each of all) {
    await each.side(WARM_UP);
    each.iterations = await calibrate(each.side, seconds / all.length / LEAST_TURNS);
  }
  const end = performance.now() + 1000 * seconds;
  for (let turn = 0; turn < LEAST_TURNS || performance.now() < end; turn++) {
    for (const { side, iterations, times } of turn % 2 === 0 ? all : all.toReversed()) {
      times.push((await side(iterations)) / iterations);
      // Lets finalizers run: they are not what is measured.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return /** @type {any} */ (Object.fromEntries(all.map(({ name, times }) => [name, median(times)])));
}
