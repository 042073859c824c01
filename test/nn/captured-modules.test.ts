/** Captured functions over modules: what of them changes is noticed. */
import { capture, Dropout, CrossEntropyLoss, Linear, manualSeed, Module, ops, randn, ReLU, scope, Sequential, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError } from "../optim/support.js";

const { aten } = ops;

/** Calls a function and its captured form, changes something, and calls both again; whether all results are equal. */
function expectNoticed(fn: (x: Tensor) => Tensor, change: () => void): void {
  const captured = capture(fn);
  const compare = () => {
    const x = randn([4, 3]);
    manualSeed(1);
    const expected = bits([fn(x)]);
    manualSeed(1);
    expect(bits([captured(x)])).toEqual(expected);
    return expected;
  };
  for (let call = 0; call < 4; call++) compare();
  expect(captured.stats.replayed).toBe(2);
  change();
  for (let call = 0; call < 4; call++) compare();
}

const callWith = (module: { forward(x: Tensor): Tensor }) => (x: Tensor) => module.forward(x);

describe("a change is noticed", () => {
  test("of a module in a Map", () => {
    class Keyed extends Module {
      layers = new Map([["a", new Linear(3, 2)]]);
      forward(x: Tensor): Tensor {
        return this.layers.get("a")!.forward(x);
      }
    }
    const model = new Keyed();
    expectNoticed(callWith(model), () => model.layers.set("a", new Linear(3, 2)));
  });

  test("of modules without tensors, in a module of their own", () => {
    const augmentation = new Sequential(new Dropout(0.5), new ReLU());
    expectNoticed(callWith(augmentation), () => augmentation.eval());
  });

  test("of a module that has a module that has a number", () => {
    class Criterion extends Module {
      loss = new CrossEntropyLoss();
      scale = 1;
      settings = { temperature: 1 };
      forward(x: Tensor): Tensor {
        return this.loss.forward(x.div(this.settings.temperature), tensor([0n, 1n, 2n, 0n])).mul(this.scale);
      }
    }
    const criterion = new Criterion();
    expectNoticed(callWith(criterion), () => (criterion.scale = 2));
    expectNoticed(callWith(criterion), () => (criterion.settings.temperature = 2));
  });

  test("of settings in an object of a class, of a field that is added, of a forward of a module's own", () => {
    class Settings {
      factor = 1;
    }
    class Scaled extends Module {
      settings = new Settings();
      gain?: number;
      forward(x: Tensor): Tensor {
        return x.mul(this.settings.factor).mul(this.gain ?? 1);
      }
    }
    const model = new Scaled();
    expectNoticed(callWith(model), () => (model.settings.factor = 3));
    expectNoticed(callWith(model), () => (model.gain = 4));
    expectNoticed(callWith(model), () => (model.forward = (x) => x.neg()));
  });

  test("not of a module that has no part in it", () => {
    const model = new Linear(3, 2);
    const captured = capture(callWith(model));
    const x = randn([4, 3]);
    for (let call = 0; call < 3; call++) captured(x);
    new Sequential(new Linear(3, 3), new Dropout(0.5)).eval();
    captured(x);
    expect(captured.stats).toMatchObject({ eager: 1, recorded: 1, replayed: 2 });
  });
});

test("a module that forward changes is not recorded, and forward stays what it is", () => {
  class Counting extends Module {
    calls = 0;
    state: Tensor | null = null;
    forward(x: Tensor): Tensor {
      this.calls++;
      return x.mul(this.calls);
    }
  }
  const model = new Counting();
  const { forward } = Counting.prototype;
  const captured = capture(callWith(model));
  const results = [1, 2, 3, 4].map(() => captured(tensor([1])).sum().item());
  expect(results).toEqual([1, 2, 3, 4]);
  expect(captured.stats.refused).toEqual(["it changes the field calls of a Counting"]);
  expect(Counting.prototype.forward).toBe(forward);
});

test("a parameter that was disposed of is an error, as without capture", () => {
  const model = new Linear(3, 2);
  const captured = capture(callWith(model));
  const x = randn([4, 3]);
  for (let call = 0; call < 4; call++) captured(x);
  model.weight.dispose();
  expectError(() => captured(x), "ERR_DISPOSED", /has been disposed/);
});

test("an LSTM trains as without capture", () => {
  manualSeed(0);
  const weights = [[16, 3], [16, 4], [16], [16]].map((shape) => randn(shape).mul(0.3).requiresGrad_());
  const [hidden, cell] = [randn([1, 2, 4]), randn([1, 2, 4])];
  const loss = (x: Tensor) => (aten["lstm.input"](x, [hidden, cell], weights, true, 1, 0, true, false, false) as Tensor[])[0]!.square().mean();
  const captured = capture(loss);
  const gradientsOf = (fn: typeof loss, x: Tensor) =>
    scope(() => {
      for (const each of weights) each.grad = null;
      fn(x).backward();
      return bits(weights.map((each) => each.grad!));
    });
  for (let call = 0; call < 5; call++) {
    const x = randn([5, 2, 3]);
    expect(gradientsOf(captured, x)).toEqual(gradientsOf(loss, x));
  }
  expect(captured.stats.replayed).toBe(3);
});

test("results that have nothing in common are differentiated one after the other", () => {
  const [a, b] = [randn([3], { requiresGrad: true }), randn([3], { requiresGrad: true })];
  const captured = capture((x: Tensor) => [x.mul(a).square().sum(), x.mul(b).sum()] as const);
  for (let call = 0; call < 4; call++) {
    a.grad = b.grad = null;
    const [first, second] = captured(randn([3]));
    first.backward();
    second.backward();
    expect(a.grad !== null && b.grad !== null).toBe(true);
  }
  expect(captured.stats.replayed).toBe(2);
});

test("what cannot be an argument is said; inputs that share memory once do not spoil others; dispose() frees", () => {
  const captured = capture((x: Tensor, y: Tensor | Linear) => (y instanceof Linear ? y.forward(x) : x.add(y)));
  captured(randn([2, 3]), new Linear(3, 3));
  expect(captured.stats.refused).toEqual(["an argument is something other than tensors, numbers, strings, arrays and plain objects"]);
  const table = randn([4, 3]);
  for (let call = 0; call < 3; call++) captured(table.narrow(0, 0, 2), table.narrow(0, 2, 2));
  for (let call = 0; call < 4; call++) captured(randn([2, 3]), randn([2, 3]));
  expect(captured.stats).toMatchObject({ recorded: 1, replayed: 2, programs: 1 });
  captured.dispose();
  expect(captured.stats.programs).toBe(0);
  captured(randn([2, 3]), randn([2, 3]));
});
