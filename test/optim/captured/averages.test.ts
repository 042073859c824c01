/**
 * Averages of the weights follow captured steps as they follow eager ones, and while they are in place of the weights,
 * replays evaluate them; so do passes that measure BatchNorm statistics anew.
 */
import { capture, crossEntropy, DGSAM, EMA, manualSeed, noGrad, scope, SGD, SWA, SWAD, updateBatchNorm, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { MODES, type Mode } from "../modes.js";
import { stateBits } from "../support.js";
import { drawBatches, NETS } from "./nets.js";

const STEPS = 40;

function train(mode: Mode) {
  return scope(() => {
    manualSeed(1);
    const model = NETS.noisy.make();
    const optimizer = new DGSAM(model.parameters(), SGD, { lr: 0.02, momentum: 0.9, model });
    const ema = new EMA(model.parameters(), { decay: 0.9, model, useBuffers: true });
    const swa = new SWA(model.parameters(), { model });
    const swad = new SWAD(model.parameters(), { nConverge: 2, nTolerance: 3, model });
    const held = drawBatches(NETS.noisy);
    const lossOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
    const captured = capture(lossOf);
    const closureOf = (x: Tensor, y: Tensor) => (mode === "captured" ? captured.on(x, y) : () => lossOf(x, y));
    const evaluate = () => scope(() => {
      model.eval();
      const losses = noGrad(() => held.map(({ x, y }) => closureOf(x, y)().item()));
      model.train();
      return losses as number[];
    });
    const evaluations: unknown[] = [];
    for (let step = 1; step <= STEPS; step++) {
      scope(() => void optimizer.step(drawBatches(NETS.noisy).map(({ x, y }) => closureOf(x, y))));
      for (const average of [ema, swa, swad]) average.update();
      if (step % 4 !== 0) continue;
      const now = evaluate();
      swad.evaluate(now.reduce((sum, each) => sum + each));
      const averaged = [ema, swa, swad].map((average) => average.swap(() => {
        const before = evaluate();
        updateBatchNorm(model, held);
        return [before, evaluate()];
      }));
      // What is in place of the weights is what replays see.
      for (const [before, measured] of averaged) expect(new Set([now[0], before![0], measured![0]]).size).toBe(3);
      evaluations.push([now, averaged]);
    }
    if (mode === "captured") {
      const { eager, recorded, replayed, refused } = captured.stats;
      // Passes that move statistics, passes that hold them, and evaluations.
      expect({ eager, recorded, refused }).toEqual({ eager: 3, recorded: 3, refused: [] });
      expect(replayed).toBe(STEPS * 4 + (STEPS / 4) * 7 * held.length - 6);
    }
    return stateBits([evaluations, ...model.parameters(), ...model.buffers(), ema.stateDict(), swa.stateDict(), swad.stateDict(), optimizer.stateDict()]);
  });
}

test("EMA, SWA, SWAD and the statistics measured for them", () => {
  const [eager, captured] = MODES.map(train);
  expect(captured).toEqual(eager);
});
