/** Launches of graphs: in the stream that is the current one, and while they run their graphs may go. */
import { Adam, currentStream, DGSAM, emptyCache, full, scope, Stream, stream, synchronize, type StepResult } from "dgsam";
import { expect, test } from "vitest";
import { stateBits } from "../optim/support.js";
import { problem, STEPS } from "./graph-problem.js";
import { describeWithNvcc, longWork } from "./support.js";

const device = "cuda:0";

/** Steps in streams that take turns, each waiting for the one before; results are read at the end. */
function inTurns(streams: readonly Stream[]) {
  return scope(() => {
    const { optimizer, step, state } = problem(DGSAM, Adam, { lr: 0.01 });
    const outside = currentStream(device);
    let before = outside;
    const results = Array.from({ length: STEPS }, (_, i) => {
      const on = streams[i % streams.length]!;
      on.waitStream(before);
      before = on;
      return stream(on, () => step());
    });
    outside.waitStream(before);
    return { told: results.map((result) => ({ ...result })), state: state(), graphs: optimizer.graphs };
  });
}

describeWithNvcc("launches of graphs", () => {
  test.each<[string, () => Stream[]]>([
    ["a side stream", () => [new Stream({ device })]],
    ["two side streams in turn", () => [new Stream({ device }), new Stream({ device, priority: -1 })]],
    ["the default stream and a side stream in turn", () => [currentStream(device), new Stream({ device })]],
  ])("in %s come to what they come to in the default stream", (_, makeStreams) => {
    const expected = inTurns([currentStream(device)]);
    const { told, state, graphs } = inTurns(makeStreams());
    told.forEach((each, step) => expect(each, `step ${step}`).toEqual(expected.told[step]));
    expect(state).toEqual(expected.state);
    for (const each of [graphs, expected.graphs]) {
      expect(each).toMatchObject({ refused: [], failures: [] });
      expect(each.replayed).toBeGreaterThan(STEPS / 2);
    }
  });

  test("in a side stream do not wait for the default one", () => {
    const { optimizer, step } = problem(DGSAM, Adam, { lr: 0.01 });
    const side = new Stream({ device });
    side.waitStream(currentStream(device));
    for (let i = 0; i < 10; i++) stream(side, () => void step().losses);
    // Memory and kernels are there from then on.
    scope(() => void longWork());
    synchronize(device);
    const { replayed } = optimizer.graphs;
    for (let i = 0; i < 10; i++) scope(() => void longWork());
    stream(side, () => void step());
    side.synchronize();
    expect(currentStream(device).query()).toBe(false);
    expect(optimizer.graphs.replayed).toBe(replayed + 1);
    synchronize(device);
    expect(currentStream(device).query()).toBe(true);
  });

  test.each(["releaseGraphs", "dispose"] as const)("%s() while one is still to run: its step is taken, and later ones are", (how) => {
    const side = new Stream({ device });
    const run = (graphs: "auto" | false) => scope(() => {
      const made = problem(DGSAM, Adam, { lr: 0.01, graphs });
      const results: StepResult[] = [];
      const rounds = how === "dispose" ? 1 : 4;
      for (let round = 1; round <= rounds; round++) {
        for (let i = 0; i < 8; i++) results.push(made.step());
        scope(() => void longWork());
        results.push(made.step());
        const { graphs: count, captured } = made.optimizer.graphs;
        expect({ count, captured }).toEqual(graphs === false ? { count: 0, captured: 0 } : { count: 1, captured: round });
        made.optimizer[how]();
        expect(made.optimizer.graphs.graphs).toBe(0);
        // What the graph gave back is there for others now.
        if (round % 2 === 1) emptyCache();
        stream(side, () => scope(() => void Array.from({ length: 64 }, () => full([2 ** 18], NaN, { device }))));
      }
      const bits = how === "dispose" ? stateBits([...made.model.parameters(), ...made.model.buffers()]) : made.state();
      return { told: results.map((result) => ({ ...result })), bits };
    });
    const [without, by] = [run(false), run("auto")];
    without.told.forEach((expected, step) => expect(by.told[step], `step ${step}`).toEqual(expected));
    expect(by.bits).toEqual(without.bits);
  });
});
