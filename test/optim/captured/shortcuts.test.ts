/**
 * Small programs multiply matrices, sum rows, rectify and take log_softmax of rows without the dispatcher, where that was tried to give the same bits: it must
 * for all shapes, any number of threads, numbers that are none, and gradients that somebody still holds.
 */
import { capture, crossEntropy, DGSAM, ERM, getNumThreads, manualSeed, MLP, ops, randint, randn, scope, setNumThreads, SGD, tensor, type Tensor } from "dgsam";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { stateBits } from "../support.js";

const { aten } = ops;
const before = getNumThreads();
afterEach(() => setNumThreads(before));

interface Net {
  readonly Wrapper: typeof ERM | typeof DGSAM;
  readonly threads: number;
  readonly widths: number[];
  readonly rows: number;
  /** How the batch lies in memory. */
  readonly transposed: boolean;
}

const arbitraryNet: fc.Arbitrary<Net> = fc.record({
  Wrapper: fc.constantFrom<Net["Wrapper"]>(ERM, DGSAM),
  threads: fc.constantFrom(1, 2, 3),
  widths: fc.array(fc.integer({ min: 1, max: 80 }), { minLength: 2, maxLength: 4 }),
  rows: fc.oneof(fc.integer({ min: 1, max: 70 }), fc.integer({ min: 240, max: 280 })),
  transposed: fc.boolean(),
});

test("MLPs of any size", { timeout: 300_000 }, () => {
  let replayed = 0;
  const check = ({ Wrapper, threads, widths, rows, transposed }: Net) => {
    setNumThreads(threads);
    const run = (captured: boolean) => scope(() => {
      manualSeed(3);
      const model = new MLP(widths);
      const passOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
      const loss = capture(passOf);
      const optimizer = new Wrapper(model.parameters(), SGD, { lr: 0.1, model });
      const held: (Tensor | null)[] = [];
      const results = [];
      for (let step = 0; step < 4; step++) {
        const batches = Array.from({ length: 3 }, () => ({
          x: transposed ? randn([widths[0]!, rows]).transpose(0, 1) : randn([rows, widths[0]!]),
          y: randint(widths.at(-1)!, [rows]),
        }));
        results.push(optimizer.step(batches.map(({ x, y }) => (captured ? loss.on(x, y) : () => passOf(x, y)))));
        // From the second step on the memory of gradients is not free.
        held.push(...model.parameters().map(({ grad }) => grad));
        if (step === 2) optimizer.zeroGrad();
      }
      if (captured) replayed += loss.stats.replayed;
      return stateBits([...model.parameters(), ...held, results]);
    });
    expect(run(true)).toEqual(run(false));
  };
  const runs = 60;
  fc.assert(fc.property(arbitraryNet, check), { numRuns: runs, seed: 21 });
  expect(replayed).toBeGreaterThan(runs * 6);
});

/** Which of the numbers of h there are, to the sign of zeros. */
function tellApart(h: Tensor): Tensor {
  const plain = aten.atan(aten.reciprocal(h));
  return aten.sum(aten.where(aten.eq(plain, plain), plain, aten.neg(aten["ones_like.default"](plain))));
}

test("numbers that are none, infinite, or zeros with a sign", () => {
  const specials = [NaN, Infinity, -Infinity, 0, -0, 1e-45, -1e-45, 1, -1, 3.4e38, -3.4e38];
  const steps = (captured: boolean) => scope(() => {
    manualSeed(3);
    // 11 numbers, of which 8 fill a register.
    const p = tensor(specials.map(() => 1)).requiresGrad_();
    const rectify = (c: Tensor) => aten.relu(aten.mul(aten["zeros_like.default"](p), aten.sum(p)).add(c));
    const lossOf = (c: Tensor, weights: Tensor) => aten.add(tellApart(rectify(c)), aten.sum(aten.mul(aten.relu(aten.mul(p, weights)), weights)));
    const loss = capture(lossOf);
    const optimizer = new ERM([p], SGD, { lr: 1e-3, policy: "skip" });
    const results = [];
    for (let step = 0; step < specials.length; step++) {
      const c = tensor([...specials.slice(step), ...specials.slice(0, step)]);
      const weights = randn([specials.length]);
      results.push(optimizer.step([captured ? loss.on(c, weights) : () => lossOf(c, weights)]));
    }
    if (captured) expect(loss.stats.replayed).toBeGreaterThan(specials.length - 3);
    return stateBits([p, p.grad, results]);
  });
  expect(steps(true)).toEqual(steps(false));
});

test("log_softmax of rows and its differentiation, of numbers near and far, infinite and none", { timeout: 300_000 }, () => {
  const rows = fc.record({
    rows: fc.integer({ min: 1, max: 40 }), columns: fc.integer({ min: 1, max: 40 }), scale: fc.constantFrom(1e-3, 1, 30, 1e30), special: fc.constantFrom(0, NaN, Infinity, -Infinity, -0, 1e-42),
    tells: fc.boolean(),
  });
  let replayed = 0;
  const check = ({ rows, columns, scale, special, tells }: { rows: number; columns: number; scale: number; special: number; tells: boolean }) => {
    const steps = (captured: boolean) => scope(() => {
      manualSeed(5);
      const p = randn([rows, columns]).requiresGrad_();
      const lossOf = (c: Tensor, weights: Tensor) => {
        const outputs = aten._log_softmax(aten.add(p, c), 1, false);
        return tells ? tellApart(outputs) : aten.sum(aten.mul(outputs, weights));
      };
      const loss = capture(lossOf);
      const optimizer = new ERM([p], SGD, { lr: 0.1, policy: "skip" });
      const results = [];
      for (let step = 0; step < 9; step++) {
        const c = aten.mul(randn([rows, columns]), scale);
        // In some places, then in all of a row.
        if (step === 7) aten["masked_fill_.Scalar"](c, aten["gt.Scalar"](randn([rows, columns]), 1), special);
        if (step === 8) c.select(0, 0).fill_(special);
        const weights = randn([rows, columns]);
        results.push(optimizer.step([captured ? loss.on(c, weights) : () => lossOf(c, weights)]), stateBits([p.grad]));
      }
      if (captured) replayed += loss.stats.replayed;
      return stateBits([p, results]);
    });
    expect(steps(true)).toEqual(steps(false));
  };
  const runs = 40;
  fc.assert(fc.property(rows, check), { numRuns: runs, seed: 4 });
  expect(replayed).toBe(runs * 7);
});
