/** What is changed between steps, in the model, the optimizer or the surroundings, changes captured steps as it changes eager ones. */
import { Adam, autocast, BatchNorm1d, capture, crossEntropy, defaultGenerator, Dropout, EMA, Linear, manualSeed, noGrad, randint, randn, ReLU, scope, Sequential, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { MODES, type Mode } from "../modes.js";
import { FAMILY, type Member } from "../sharpness/family.js";
import { stateBits } from "../support.js";

const STEPS = 75;

function train(mode: Mode, { Wrapper, options }: Member): unknown[] {
  return scope(() => {
    manualSeed(1);
    const [first, norm, dropout, last] = [new Linear(4, 6), new BatchNorm1d(6), new Dropout(0.3), new Linear(6, 3)];
    const model = new Sequential(first, norm, new ReLU(), dropout, last) as Sequential & Record<number, unknown>;
    const optimizer = new Wrapper(model.parameters(), Adam, { lr: 0.01, ...options, model });
    const average = new EMA(model.parameters(), { decay: 0.9 });
    const lossOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
    const captured = capture(lossOf);
    const loss = mode === "captured" ? captured : lossOf;
    const changes: Record<number, () => void> = {
      5: () => void (first.weight.requiresGrad = false),
      10: () => void (first.weight.requiresGrad = true),
      15: () => void norm.freeze(),
      20: () => void (norm.unfreeze().momentum = 0.5),
      25: () => optimizer.addParamGroup({ params: (model[4] = new Linear(6, 3)).parameters(), rho: 0.2, lr: 0.02 } as never),
      30: () => optimizer.zeroGrad(false),
      35: () => void (model[3] = new Dropout(0.7)),
      40: () => optimizer.loadStateDict(optimizer.stateDict()),
      45: () => average.swap(() => noGrad(() => void loss(randn([5, 4]), randint(3, [5])))),
      50: () => void (first.bias = null),
      55: () => void model.eval(),
      60: () => void model.train(),
      65: () => void (first.weight = first.weight.detach().clone().requiresGrad_() as never),
      70: () => void (norm.weight!.requiresGrad = norm.bias!.requiresGrad = false),
    };
    const outcomes = Array.from({ length: STEPS }, (_, step) => {
      changes[step]?.();
      return scope(() => {
        const size = 5 + (step % 2);
        const batches = [0, 1, 2].map(() => ({ x: randn([size, 4]), y: randint(3, [size]) }));
        const take = () => optimizer.step(batches.map(({ x, y }) => (mode === "captured" ? captured.on(x, y) : () => lossOf(x, y))));
        const result = [take, () => noGrad(take), () => autocast(take)][[3, 4].indexOf(step % 7) + 1]!();
        average.update();
        const grads = model.parameters().map(({ grad }) => grad);
        return stateBits([result, ...model.parameters(), ...model.buffers(), ...grads, defaultGenerator().getState()]);
      });
    });
    if (mode === "captured") expect(captured.stats.replayed).toBeGreaterThan(captured.stats.eager + captured.stats.recorded);
    return outcomes;
  });
}

test.each(FAMILY)("$name", (member) => {
  const [eager, captured] = MODES.map((mode) => train(mode, member)) as [unknown[], unknown[]];
  for (const [step, expected] of eager.entries()) expect(captured[step], `step ${step}`).toEqual(expected);
});
