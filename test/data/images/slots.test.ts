import { expect, test } from "vitest";
import { Slots } from "../../../lib/data/images/slots.js";

/** Starts work of these sizes; `running` lists the numbers of what runs, `end` ends one. */
function start(slots: Slots, sizes: readonly number[], signals: readonly (AbortSignal | undefined)[] = []) {
  const running: number[] = [];
  const ends: (() => void)[] = [];
  const all = sizes.map((size, i) => slots.run(() => new Promise<void>((end) => {
    running.push(i);
    ends[i] = () => { running.splice(running.indexOf(i), 1); end(); };
  }), signals[i], size));
  const end = async (i: number): Promise<void> => {
    ends[i]!();
    await all[i];
  };
  return { running, end, all };
}

test("as many run as fit, in the order in which they came; what is too large runs alone", async () => {
  const { running, end, all } = start(new Slots(4), [1, 2, 9, 1, 1]);
  await Promise.resolve();
  // One is free, and the next in turn wants all.
  expect(running).toEqual([0, 1]);
  await end(0);
  expect(running).toEqual([1]);
  await end(1);
  expect(running).toEqual([2]);
  await end(2);
  expect(running).toEqual([3, 4]);
  await end(3);
  await end(4);
  await Promise.all(all);
});

test("where one that waits is aborted, those behind it go on; work that throws gives its slots back", async () => {
  const stop = new AbortController();
  const slots = new Slots(4);
  const { running, end, all } = start(slots, [2, 4, 1], [undefined, stop.signal]);
  await Promise.resolve();
  expect(running).toEqual([0]);
  stop.abort(new Error("enough"));
  await expect(all[1]).rejects.toThrow("enough");
  expect(running).toEqual([0, 2]);
  await end(0);
  await end(2);
  await expect(slots.run(() => Promise.reject(new Error("failed")), undefined, 4)).rejects.toThrow("failed");
  expect(await slots.run(async () => 5, undefined, 4)).toBe(5);
});
