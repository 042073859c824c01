import { PassThrough } from "node:stream";
import { expect, test, vi } from "vitest";
import type { CompareEvent } from "dgsam";
import { makeProgress, showDownload } from "../../lib/cli/progress.js";

const STEP: CompareEvent = { type: "step", run: 1, runs: 2, algorithm: "ERM", target: "45", seed: 0, step: 3, steps: 10, loss: 1.25 };
const RUN: CompareEvent = {
  type: "run", run: 1, runs: 2,
  record: { algorithm: "ERM", target: "45", seed: 0, steps: 10, accuracy: 0.875, correct: 7, total: 8, medianStepSeconds: 0.0125, waitingShare: 0, finalLoss: 1, idealCost: 1, mode: "captured" },
};

/** A stream that is a terminal or is none, and all that is written to it. */
function makeStream(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100, cursorTo: () => true, moveCursor: () => true, clearLine: () => true });
  let text = "";
  stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

test("plain lines, one a run, where there is no terminal", async () => {
  const { stream, text } = makeStream(false);
  for (const showsSeeds of [false, true]) {
    const progress = makeProgress(stream, { showsSeeds });
    progress.show(STEP);
    progress.show(RUN);
    progress.stop();
  }
  await vi.waitFor(() => expect(text()).toBe("[1/2] ERM, 45 held out: accuracy 87.5%, 12.5 ms/step\n[1/2] ERM, 45 held out, seed 0: accuracy 87.5%, 12.5 ms/step\n"));
});

test("names of domains stay on their line", async () => {
  const { stream, text } = makeStream(false);
  makeProgress(stream, { showsSeeds: false }).show({ ...RUN, record: { ...RUN.record, target: "no\nrth" } });
  await vi.waitFor(() => expect(text()).toMatch(/^\[1\/2\] ERM, no\\nrth held out: .*\n$/));
});

test("bars on a terminal, which it leaves clean", async () => {
  const { stream, text } = makeStream(true);
  const progress = makeProgress(stream, { showsSeeds: false });
  try {
    progress.show(STEP);
    // Bars are drawn by a timer.
    await vi.waitFor(() => expect(text()).toMatch(/runs .*0\/2[^]*steps .*3\/10 ERM, 45 held out, loss 1\.250/));
    progress.show(RUN);
    await vi.waitFor(() => expect(text()).toMatch(/runs .*1\/2/));
  } finally {
    progress.stop();
  }
  // The cursor is shown again.
  await vi.waitFor(() => expect(text().lastIndexOf("\x1b[?25h")).toBeGreaterThan(text().lastIndexOf("\x1b[?25l")));
});

test("a download is told of when it begins and after each tenth; nothing of what is in the cache", async () => {
  const { stream, text } = makeStream(false);
  const show = showDownload(stream, "the weights");
  await new Promise(setImmediate);
  expect(text()).toBe("");
  for (const received of [100_000, 1_000_000, 1_100_000, 1_999_999, 20_000_000]) show({ received, total: 20_000_000 });
  const unknown = showDownload(stream, "others");
  for (const received of [0, 5, 10]) unknown({ received, total: null });
  unknown({ received: 17_100_000, total: 17_100_000 });
  await vi.waitFor(() => expect(text()).toBe("Fetching the weights, 20.0 MB\n[20.0/20.0 MB] the weights\nFetching others\n[17.1/17.1 MB] others\n"));
});
