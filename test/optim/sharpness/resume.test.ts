/** Every algorithm goes on bit for bit from its state dict, taken in mid-run. */
import { Adam, LookSAM, noGrad, ops, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, inBothModes, MODES } from "../modes.js";
import { bits, expectError, quadraticDomains, stateBits } from "../support.js";
import { FAMILY } from "./family.js";

/** A deep copy, as a file would give it back. */
function copied(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(copied);
  if ("toBytes" in value) return ops.aten.clone(value as Tensor);
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copied(each)]));
}

describe.each(inBothModes(FAMILY))("$name, $mode", ({ Wrapper, options, mode }) => {
  const make = () => {
    const problem = quadraticDomains({ mode });
    return { ...problem, optimizer: new Wrapper(problem.params, Adam, { lr: 0.05, rho: 0.1, ...options }) };
  };

  test("goes on bit for bit, from any step", () => {
    for (let stop = 0; stop <= 6; stop++) {
      const whole = make();
      for (let step = 0; step < 12; step++) whole.optimizer.step(whole.closures);
      const first = make();
      for (let step = 0; step < stop; step++) first.optimizer.step(first.closures);
      const saved = copied(first.optimizer.stateDict()) as never;
      const values = first.params.map((param) => param.detach().clone());
      const second = make();
      second.params.forEach((param, i) => void param.detach().copy_(values[i]!));
      second.optimizer.loadStateDict(saved);
      for (let step = stop; step < 12; step++) second.optimizer.step(second.closures);
      expect(bits(second.params)).toEqual(bits(whole.params));
      expect(second.optimizer.stateDict().steps).toBe(12);
    }
  });

  test("a state dict that does not fit changes nothing", () => {
    const { optimizer, closures } = make();
    for (let step = 0; step < 3; step++) optimizer.step(closures);
    const dict = optimizer.stateDict();
    const before = JSON.stringify(stateBits(optimizer.stateDict()));
    for (const key of Object.keys(dict)) {
      const { [key as never]: _, ...rest } = dict;
      expectError(() => optimizer.loadStateDict(rest as never), "ERR_ARGUMENT", /loadStateDict\(dict\): expected \{ base, steps/);
    }
    expectError(() => optimizer.loadStateDict({ ...dict, steps: -1 }), "ERR_ARGUMENT", /steps: expected an integer of at least 0/);
    expectError(() => optimizer.loadStateDict({ ...dict, base: 7 } as never), "ERR_ARGUMENT", /Adam\.loadStateDict/);
    expect(JSON.stringify(stateBits(optimizer.stateDict()))).toBe(before);
  });
});

describe.each(MODES)("LookSAM's direction, %s", (mode) => {
  const parameter = () => tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });

  /** A parameter with a loss, and with the same loss, infinite from its n-th call on. */
  const make = () => {
    const param = parameter();
    const calls = zeros([1]);
    const closureOf = closuresIn(mode, (last: Tensor) => {
      noGrad(() => calls.add_(1));
      return param.pow(3).sum().div(calls.le(last).to("float64"));
    });
    const loss = closureOf(tensor([Infinity]));
    const spoiltFrom = (n: number) => {
      const closure = closureOf(tensor([n - 1]));
      calls.zero_();
      return closure;
    };
    return { param, loss, spoiltFrom };
  };

  test("is checked when it is loaded", () => {
    const { param, loss } = make();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01 });
    optimizer.step(loss);
    const dict = optimizer.stateDict();
    const before = bits(dict.direction!);
    for (const [direction, text] of [[5, /direction: expected null or 1 tensors/], [[], /direction: expected null or 1 tensors/], [[5], /direction\[0\]: expected a Tensor/], [[tensor([1])], /direction\[0\]: expected shape \[3\], got \[1\]/]] as const)
      expectError(() => optimizer.loadStateDict({ ...dict, direction: direction as never }), "ERR_ARGUMENT", text);
    expect(bits(optimizer.stateDict().direction!)).toEqual(before);
    optimizer.loadStateDict({ ...dict, steps: 0, direction: null });
    expect(optimizer.stateDict().direction).toBeNull();
  });

  test("is null where parameters were added since it was made", () => {
    const { param, loss } = make();
    const late = parameter();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01 });
    optimizer.step(loss);
    optimizer.addParamGroup({ params: [late] });
    const dict = optimizer.stateDict();
    expect(dict.direction).toBeNull();
    optimizer.loadStateDict(dict);
    new LookSAM([{ params: [param] }, { params: [late] }], SGD, { lr: 0.01 }).loadStateDict(dict);
  });

  test("may be loaded from the optimizer's own dict, more than once", () => {
    const { param, loss } = make();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01 });
    optimizer.step(loss);
    const dict = optimizer.stateDict();
    const before = bits(dict.direction!);
    for (let i = 0; i < 2; i++) {
      optimizer.loadStateDict(dict);
      expect(bits(optimizer.stateDict().direction!)).toEqual(before);
    }
    expect(optimizer.step(loss).gradNorms).toHaveLength(1);
  });

  test("a failure between the second gradients leaves everything as it was", () => {
    const { param, loss, spoiltFrom } = make();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01, momentum: 0.9 });
    optimizer.step(loss);
    const before = [bits([param]), JSON.stringify(stateBits(optimizer.stateDict()))];
    expectError(() => optimizer.step(spoiltFrom(1)), "ERR_NON_FINITE", /loss of the closure \(pass 1\)/);
    expect(() => optimizer.step(() => { throw new Error("the disk is full"); })).toThrow("the disk is full");
    expect([bits([param]), JSON.stringify(stateBits(optimizer.stateDict()))]).toEqual(before);
    expect(optimizer.step(loss).gradNorms).toHaveLength(1);
  });

  test("a step that makes a direction and fails keeps the old one", () => {
    const { param, loss, spoiltFrom } = make();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01, k: 2 });
    optimizer.step(loss);
    optimizer.step(loss);
    const before = [bits([param]), JSON.stringify(stateBits(optimizer.stateDict()))];
    expectError(() => optimizer.step(spoiltFrom(2)), "ERR_NON_FINITE", /pass 2/);
    optimizer.paramGroups[0]!.lr = -1;
    expectError(() => optimizer.step(loss), "ERR_ARGUMENT", /lr/);
    optimizer.paramGroups[0]!.lr = 0.01;
    expect([bits([param]), JSON.stringify(stateBits(optimizer.stateDict()))]).toEqual(before);
  });

  test("is made anew when parameters were added or converted", () => {
    const { param, loss } = make();
    const late = parameter();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01 });
    optimizer.step(loss);
    optimizer.addParamGroup({ params: [late] });
    const both = closuresIn(mode, () => param.pow(3).sum().add(late.square().sum()), { anew: true })();
    expect(optimizer.step(both).gradNorms).toHaveLength(2);
    expect(optimizer.step(both).gradNorms).toHaveLength(1);
    for (const each of [param, late]) {
      each.grad = null;
      ops.aten.set_data(each, each.detach().to("float32"));
    }
    expect(optimizer.step(both).gradNorms).toHaveLength(2);
    expect(optimizer.step(both).gradNorms).toHaveLength(1);
  });

  // What was a direction is scratch afterwards, but not of converted parameters.
  test.each([["sync", 2], ["sync", 5], ["late", 2], ["late", 5]] as const)("is made anew again and again when parameters were converted, %s, k = %i", (check, k) => {
    const param = parameter();
    const optimizer = new LookSAM([param], SGD, { lr: 0.01, check, k });
    const loss = closuresIn(mode, () => param.pow(3).sum(), { anew: true })();
    const passes = (steps: number) => Array.from({ length: steps }, () => optimizer.step(loss).gradNorms.length);
    passes(4);
    param.grad = null;
    ops.aten.set_data(param, param.detach().to("float32"));
    expect(passes(8)).toEqual(k === 2 ? [2, 1, 2, 1, 2, 1, 2, 1] : [2, 2, 1, 1, 1, 1, 2, 1]);
  });
});
