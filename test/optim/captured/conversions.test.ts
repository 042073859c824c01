/** Parameters that are converted between captured steps: what optimizers keep from step to step follows. */
import { capture, DGSAM, Linear, LookSAM, manualSeed, ones, ops, rand, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { FAMILY } from "../sharpness/family.js";
import { values } from "../support.js";

describe.each(["sync", "late"] as const)("check: %s", (check) => {
  const losses = (Wrapper: (typeof FAMILY)[number]["Wrapper"], options: object, captures: boolean, convert: (nets: { used: Linear; frozen: Linear }) => void, dtype: "float32" | "float64") => {
    manualSeed(1);
    const [used, frozen] = [new Linear(3, 1), new Linear(2, 2)];
    for (const parameter of frozen.parameters()) parameter.requiresGrad = false;
    const optimizer = new Wrapper([...used.parameters(), ...frozen.parameters()], SGD, { lr: 0.01, check, ...options });
    const lossOf = capture((x: ReturnType<typeof ones>) => used.forward(x).pow(2).sum());
    return Array.from({ length: 12 }, (_, step) => {
      if (step === 5) convert({ used, frozen });
      const x = ones([2, 3], { dtype: step < 5 ? "float32" : dtype });
      const closure = captures ? lossOf.on(x) : () => used.forward(x).pow(2).sum();
      return optimizer.step([closure, closure]).losses[0]!;
    });
  };

  const members = [...FAMILY, { name: "LookSAM, k = 2", Wrapper: LookSAM as never as (typeof FAMILY)[number]["Wrapper"], options: { k: 2 } }];

  test.each(members)("$name goes on when its model is another dtype's", ({ Wrapper, options }) => {
    const [captured, eager] = [true, false].map((captures) => losses(Wrapper, options, captures, ({ used }) => void used.to("float64"), "float64"));
    captured!.forEach((loss, step) => expect(loss, `step ${step}`).toBeCloseTo(eager![step]!, 6));
  });

  test.each(members)("$name goes on when a frozen parameter that no program uses is", ({ Wrapper, options }) => {
    const [captured, eager] = [true, false].map((captures) => losses(Wrapper, options, captures, ({ frozen }) => void frozen.to("float64"), "float32"));
    captured!.forEach((loss, step) => expect(loss, `step ${step}`).toBeCloseTo(eager![step]!, 6));
  });
});

test.each(["sync", "late"] as const)("a gradient that a frozen parameter has by hand begins no state, check: %s", (check) => {
  const run = (captures: boolean) => {
    manualSeed(2);
    const [first, last] = [new Linear(6, 8), new Linear(8, 3)];
    first.weight.requiresGrad = false;
    const optimizer = new DGSAM([...first.parameters(), ...last.parameters()], SGD, { lr: 0.05, momentum: 0.9, dampening: 0.5, check });
    const lossOf = capture((x: Tensor) => last.forward(first.forward(x).relu()).pow(2).mean());
    return Array.from({ length: 20 }, (_, step) => {
      if (step === 8) first.weight.grad = ones([8, 6]);
      if (step === 14) first.weight.requiresGrad = true;
      const x = rand([4, 6]);
      optimizer.step([0, 1].map(() => (captures ? lossOf.on(x) : () => lossOf(x))));
      return { weight: values(first.weight.detach()), hasState: optimizer.base.state.has(first.weight) };
    });
  };
  const [captured, eager] = [run(true), run(false)];
  captured.forEach((after, step) => expect(after, `step ${step}`).toEqual(eager[step]));
});

test.each(["sync", "late"] as const)("data that do not fit are no conversion: LookSAM keeps its direction, and nothing is done twice; check: %s", (check) => {
  const run = (captures: boolean) => {
    manualSeed(3);
    const layer = new Linear(4, 1);
    const optimizer = new LookSAM(layer.parameters(), SGD, { lr: 0.01, check, k: 3 });
    const lossOf = capture((x: Tensor, mask: Tensor) => ops.aten.masked_scatter(layer.forward(ops.aten.mul(x, rand([4]))).flatten(), mask, zeros([1])).sum());
    const step = (ones: number) => {
      const [x, mask] = [rand([2, 4]), tensor([ones > 0, ones > 1])];
      const closure = captures ? lossOf.on(x, mask) : () => lossOf(x, mask);
      return optimizer.step([closure]).losses[0]!;
    };
    for (let i = 0; i < 4; i++) step(1);
    expect(() => step(2)).toThrow(/masked_scatter|ones in mask/);
    const { direction } = optimizer.stateDict();
    return { direction: direction!.map((each) => values(each)), next: step(1), drawn: values(rand([2])) };
  };
  const [captured, eager] = [run(true), run(false)];
  expect(captured).toEqual(eager);
});
