import { capture, ERM, grad, noGrad, ops, randn, SGD, tensor, type CaptureStats, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../../data/errors.js";

const { aten } = ops;

const ran = ({ eager, recorded, replayed }: CaptureStats): number[] => [eager, recorded, replayed];
const rows = (): Tensor => randn([4, 3]);

describe("differentiation", () => {
  const w = (): Tensor => randn([3, 3]).requiresGrad_();

  test("gradients of two calls, of weighted losses and of a graph that is kept add up as they do eagerly", () => {
    const weight = w();
    const captured = capture((x: Tensor) => aten.tanh(x.matmul(weight)).square().sum());
    const run = (fn: (x: Tensor) => Tensor, xs: Tensor[]): unknown => {
      weight.grad = null;
      const loss = fn(xs[0]!);
      loss.backward({ retainGraph: true });
      loss.mul(0.5).backward();
      fn(xs[1]!).mul(3).backward();
      return weight.grad!.toArray();
    };
    for (let round = 0; round < 3; round++) {
      const xs = [rows(), rows()];
      expect(run(captured, xs)).toEqual(run((x) => aten.tanh(x.matmul(weight)).square().sum(), xs));
    }
    expect(captured.stats.replayed).toBe(4);
  });

  test("gradients that are kept are not written to by later passes", () => {
    const [a, b] = [randn([3]).requiresGrad_(), randn([3]).requiresGrad_()];
    const captured = capture((x: Tensor) => a.add(b.view([3])).mul(x).sum());
    const x = tensor([1, 2, 3]);
    for (let call = 0; call < 3; call++) {
      a.grad = b.grad = null;
      const loss = captured(x);
      loss.backward({ retainGraph: true });
      a.grad!.zero_();
      expect(b.grad!.toArray()).toEqual([1, 2, 3]);
      loss.backward();
      expect([a.grad!.toArray(), b.grad!.toArray(), x.toArray()]).toEqual([[1, 2, 3], [2, 4, 6], [1, 2, 3]]);
    }
  });

  test("a complex gradient that is lazily conjugated counts as what it is", () => {
    const z = aten.view_as_complex(randn([3, 2])).requiresGrad_();
    const fn = (x: Tensor) => z.mul(x);
    const captured = capture(fn);
    const x = aten.view_as_complex(randn([3, 2]));
    const gradientOf = (f: (x: Tensor) => Tensor) => grad(f(x), [z], { gradOutputs: [aten.view_as_complex(tensor([[1, 2], [3, 4], [5, 6]])).conj()] })[0]!.toBytes();
    for (let call = 0; call < 4; call++) expect(gradientOf(captured)).toEqual(gradientOf(fn));
    expect(captured.stats.replayed).toBe(2);
  });

  test.each<[string, (weight: Tensor) => void]>([
    ["a parameter", (weight) => void noGrad(() => weight.mul_(2))],
    ["a view of it", (weight) => void noGrad(() => weight.detach().select(0, 1).zero_())],
  ])("%s that is written to before backward() is an error, as it is eagerly", (_, write) => {
    const weight = w();
    const fn = (x: Tensor) => aten.linear(aten.linear(x, weight), weight).sum();
    const captured = capture(fn);
    for (let call = 0; call < 4; call++) {
      const loss = call === 3 ? fn(rows()) : captured(rows());
      write(weight);
      expectError(() => loss.backward(), "ERR_NATIVE", /modified by an inplace operation/);
    }
    captured(rows()).backward();
    expect(captured.stats.replayed).toBe(2);
  });

  test("a result that is written to before backward() needs it is an error, through a view too", () => {
    const weight = w();
    const captured = capture((x: Tensor) => aten.exp(x.matmul(weight)).view([-1]));
    for (let call = 0; call < 4; call++) {
      const y = captured(rows());
      y.detach().mul_(2);
      expectError(() => y.sum().backward(), "ERR_NATIVE", /modified by an inplace operation/);
    }
    expect(captured.stats.replayed).toBe(2);
  });

  test("twice is an error that says what to do", () => {
    const weight = w();
    const captured = capture((x: Tensor) => x.matmul(weight).square().sum());
    for (let call = 0; call < 2; call++) captured(rows());
    expectError(() => grad(captured(rows()), [weight], { createGraph: true }), "ERR_NATIVE", /cannot be differentiated twice.*call the function itself/);
  });

  test("of a view that was made to require a gradient is left to the function", () => {
    const fn = (x: Tensor) => (noGrad(() => x.mul_(2)), aten.sin(x).sum());
    const captured = capture(fn);
    const gradientOf = (f: (x: Tensor) => Tensor) => {
      const x = aten.arange(6, { dtype: "float32" }).narrow(0, 2, 3).requiresGrad_();
      f(x).backward();
      return x.grad!.toArray();
    };
    for (let call = 0; call < 3; call++) expect(gradientOf(captured)).toEqual(gradientOf(fn));
    expect(captured.stats.refused).toEqual([expect.stringMatching(/a view that was made to require a gradient; clone\(\) it/)]);
  });

  test("inside the function may be differentiated again: a gradient penalty", () => {
    const weight = w();
    const fn = (x: Tensor) => {
      const [gradient] = grad(aten.tanh(x.matmul(weight)).sum(), [weight], { createGraph: true });
      return gradient!.square().sum();
    };
    const captured = capture(fn);
    const gradientOf = (f: (x: Tensor) => Tensor, x: Tensor) => grad(f(x), [weight])[0]!.toArray();
    for (let call = 0; call < 4; call++) {
      const x = rows();
      expect(gradientOf(captured, x)).toEqual(gradientOf(fn, x));
    }
    expect(ran(captured.stats)).toEqual([1, 1, 2]);
  });

  test("a function whose results cannot be differentiated is not recorded, and fails only where it would", () => {
    const weight = w();
    const captured = capture((x: Tensor) => {
      const y = aten.exp(x.matmul(weight));
      const loss = y.sum();
      noGrad(() => y.zero_());
      return loss;
    });
    for (let call = 0; call < 3; call++) expect(captured(rows()).numel).toBe(1);
    expect(captured.stats.refused).toEqual([expect.stringMatching(/cannot be differentiated.*modified by an inplace operation/)]);
  });

  test("an input with a history of its own gets its gradient, and what lies before it, in a step", () => {
    const weights = [w(), w()];
    noGrad(() => weights[1]!.copy_(weights[0]!));
    const fn = (h: Tensor) => h.square().sum();
    const captured = capture(fn);
    const [one, other] = weights.map((weight) => new ERM([weight], SGD, { lr: 0.1 }));
    for (let call = 0; call < 4; call++) {
      const x = rows();
      const [mine, theirs] = weights.map((weight) => x.matmul(weight)) as [Tensor, Tensor];
      one!.step([() => fn(mine)]);
      other!.step([captured.on(theirs)]);
      expect(weights[1]!.toArray()).toEqual(weights[0]!.toArray());
    }
    expect(captured.stats.replayed).toBe(2);
  });
});
