import { currentStream, DGSAM, LookSAM, scope, SGD, Stream, stream, synchronize, tensor, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { values, worstError } from "../optim/support.js";
import { describeOnCuda, longWork } from "./support.js";

const device = "cuda:0";

describeOnCuda("results of late steps", () => {
  test.each([{ Wrapper: DGSAM, options: { seed: 1 } }, { Wrapper: LookSAM, options: { k: 2 } }])("wait for their own step alone, and are the CPU's: $Wrapper.name", ({ Wrapper, options }) => {
    const make = (place: string) => {
      const w = tensor([0.5, -1, 2, 3], { device: place, requiresGrad: true });
      const optimizer = new (Wrapper as typeof DGSAM)([w], SGD, { lr: 0.1, momentum: 0.9, clipGradNorm: 1, ...options } as object);
      const closures = [(): Tensor => w.square().sum(), (): Tensor => w.sin().sum()];
      return { w, optimizer, step: () => optimizer.step(closures) };
    };
    const [here, there] = [make("cpu"), make(device)];
    expect([here.optimizer.isLate, there.optimizer.isLate]).toEqual([false, true]);
    // Streams and memory are made with the first of them.
    for (const { step } of [here, there]) void step().losses;
    scope(() => void longWork());
    synchronize(device);
    for (let i = 0; i < 4; i++) {
      const expected = here.step();
      const result = there.step();
      scope(() => void longWork());
      const after = currentStream(device).recordEvent();
      expect(worstError(result.losses, expected.losses)).toBeLessThan(1e-5);
      expect(worstError(result.gradNorms, expected.gradNorms)).toBeLessThan(1e-5);
      expect(after.query()).toBe(false);
      synchronize(device);
      expect(after.query()).toBe(true);
    }
    expect(worstError(values(there.w.detach().to("cpu")), values(here.w.detach()))).toBeLessThan(1e-5);
  });

  test("are each step's own in streams that take turns, read or not, for more steps than memory is made for", () => {
    const make = (place: string) => {
      const w = tensor([0.5, -1, 2, 3], { device: place, requiresGrad: true });
      const optimizer = new DGSAM([w], SGD, { lr: 1e-3, seed: 1 });
      const closures = [(): Tensor => w.square().sum(), (): Tensor => w.sin().sum()];
      return { w, optimizer, step: () => optimizer.step(closures) };
    };
    const [here, there] = [make("cpu"), make(device)];
    const streams = [currentStream(device), new Stream({ device })];
    let before = streams[0]!;
    const results = Array.from({ length: 400 }, (_, i) => {
      const on = streams[i % 5 === 0 ? 1 : 0]!;
      on.waitStream(before);
      before = on;
      const result = stream(on, there.step);
      // Some at once, as a loop that logs does.
      if (i % 7 === 0) void result.losses;
      return result;
    });
    streams[0]!.waitStream(before);
    for (const [i, { losses, gradNorms, skipped }] of results.entries()) {
      const expected = here.step();
      expect(worstError([...losses, ...gradNorms], [...expected.losses, ...expected.gradNorms]), `step ${i}`).toBeLessThan(1e-4);
      expect(skipped).toBe(false);
    }
    expect(worstError(values(there.w.detach().to("cpu")), values(here.w.detach()))).toBeLessThan(1e-4);
    there.optimizer.dispose();
  });
});
