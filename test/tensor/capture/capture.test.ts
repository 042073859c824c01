import {
  autocast, BatchNorm1d, capture, defaultGenerator, Dropout, inferenceMode, Linear, manualSeed, memoryStats, Module, noGrad, ops, randn, scope, tensor, useDeterministicAlgorithms, zeros,
  type Captured, type CaptureStats, type Tensor,
} from "dgsam";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { expectError } from "../../data/errors.js";

const { aten } = ops;

const warnings: { code?: string; message: string }[] = [];
const note = (warning: Error): void => void warnings.push(warning);
beforeEach(() => {
  warnings.length = 0;
  process.on("warning", note);
});
afterEach(() => void process.off("warning", note));
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const ran = ({ eager, recorded, replayed }: CaptureStats): number[] => [eager, recorded, replayed];
const integers = (values: number[]): Tensor => tensor(values, { dtype: "int64" });
const rows = (): Tensor => randn([4, 3]);

/** Calls with equal inputs and generators, eagerly and captured, give equal results; the captured function. */
function expectEqualCalls(fn: (x: Tensor) => Tensor, input: () => Tensor, calls = 4): Captured<[Tensor], Tensor> {
  const captured = capture(fn);
  for (let call = 0; call < calls; call++) {
    const x = input();
    const before = defaultGenerator().getState();
    const expected = fn(x).toArray();
    const after = defaultGenerator().getState();
    defaultGenerator().setState(before);
    expect(captured(x).toArray()).toEqual(expected);
    expect(defaultGenerator().getState().toArray()).toEqual(after.toArray());
  }
  return captured;
}

describe("functions that depend on values", () => {
  const cases: [string, (x: Tensor) => Tensor, RegExp][] = [
    ["item()", (x) => x.mul(x.sum().item() as number), /it reads the value of a tensor by item\(\)$/],
    ["toArray()", (x) => tensor(x.toArray() as number[][]), /reads the values of a tensor/],
    ["nonzero", (x) => aten.nonzero(x), /aten::nonzero/],
    ["masked_select", (x) => aten.masked_select(x, aten.gt(x, 0)), /aten::masked_select/],
    ["a mask as an index", (x) => aten.index(x, [aten.gt(x, 0)]), /aten::index/],
    ["unique", (x) => aten._unique2(x)[0], /aten::_unique2/],
    ["equal", (x) => (aten.equal(x, x) ? x.add(1) : x), /aten::equal/],
    ["tensor_split at a tensor", (x) => aten.tensor_split(x, integers([1, 2]))[1]!.clone(), /aten::tensor_split/],
    ["_pack_padded_sequence", (x) => aten._pack_padded_sequence(x.unsqueeze(2), integers([4, 2, 1]), false)[0], /aten::_pack_padded_sequence/],
    ["reading grad", (x) => (x.grad === null ? x.add(1) : x), /reads the grad/],
    ["backward()", (x) => (x.detach().requiresGrad_().sum().backward(), x.add(1)), /calls backward/],
    ["retainGrad()", (x) => (x.detach().requiresGrad_().mul(2).retainGrad(), x.add(1)), /calls retainGrad/],
    ["seeding", (x) => (manualSeed(1), x.add(1)), /seeds a generator/],
  ];
  test.each(cases)("%s: runs eagerly, and one warning tells why", async (_, fn, reason) => {
    const captured = expectEqualCalls(fn, rows);
    expect(captured.stats.refused).toEqual([expect.stringMatching(reason)]);
    expect(ran(captured.stats)).toEqual([4, 0, 0]);
    await nextTurn();
    expect(warnings).toEqual([expect.objectContaining({ code: "WARN_CAPTURE", message: expect.stringMatching(reason) })]);
  });

  test("indices that are no masks are recorded, null among them", () => {
    const captured = expectEqualCalls((x) => aten.index(x, [null, integers([2, 0])]).add(aten.index(x, [integers([1, 1, 0, 3])]).narrow(1, 0, 2)), rows);
    expect(ran(captured.stats)).toEqual([1, 1, 2]);
  });
});

describe("operators whose guards look at values", () => {
  const cases: [string, (x: Tensor, good: Tensor) => Tensor, number[], number[]][] = [
    ["ctc_loss", (x, targets) => aten.ctc_loss(x.view([4, 1, 3]).logSoftmax(-1), targets.view([1, 2]), [4], [2]), [1, 2], [1, 1 << 30]],
    ["embedding_bag", (x, offsets) => aten.embedding_bag(x, integers([0, 1, 2]), offsets)[0], [0, 2], [0, 1 << 30]],
    ["embedding_dense_backward", (x, indices) => aten.embedding_dense_backward(x, indices, 4, -1, true), [0, 1, 2, 3], [0, 1, 2, 1 << 30]],
    ["max_pool2d_with_indices_backward", (x, indices) => aten.max_pool2d_with_indices_backward(x.view([1, 1, 2, 6]).narrow(3, 0, 2), aten.zeros([1, 1, 4, 4]), [2, 2], [2, 2], [0, 0], [1, 1], false, indices.view([1, 1, 2, 2])), [0, 2, 8, 10], [0, 2, 8, 1 << 30]],
    ["segment_reduce", (x, lengths) => aten.segment_reduce(x, "sum", { lengths, axis: 0, unsafe: true }), [1, 3], [1, 1 << 30]],
    ["gcd", (_, values) => aten.gcd(values, values), [4, 6], [4, 6]],
  ];
  test.each(cases)("%s is not recorded: no replay can pass it by", (_, fn, good, bad) => {
    const captured = capture(fn);
    for (let call = 0; call < 4; call++) captured(rows(), integers(good));
    expect(captured.stats.refused).toEqual([expect.stringMatching(/aten::\w+\S* has to look at the values of its tensors/)]);
    if (bad.join() !== good.join()) expect(() => captured(rows(), integers(bad))).toThrow(/expected/);
  });
});

describe("errors inside a replay", () => {
  test("name the operator and leave buffers as they were; the next replay works", () => {
    const [table, count] = [randn([5, 3]).requiresGrad_(), zeros([])];
    const captured = capture((indices: Tensor) => (noGrad(() => count.add_(1)), aten.embedding(table, indices).sum()));
    const good = integers([0, 4]);
    for (let call = 0; call < 3; call++) captured(good);
    const { handles } = memoryStats();
    expectError(() => captured(integers([0, 9])), "ERR_ARGUMENT", /aten::embedding: index out of range/);
    expect(count.item()).toBe(3);
    captured(good).backward();
    expect(count.item()).toBe(4);
    expect(ran(captured.stats)).toEqual([1, 1, 2]);
    expect(memoryStats().handles).toBeLessThanOrEqual(handles + 3);
  });

  test("are those of cross_entropy's targets too", () => {
    const captured = capture((x: Tensor, y: Tensor) => aten.cross_entropy_loss(x, y));
    for (let call = 0; call < 3; call++) captured(rows(), integers([0, 1, 2, 0]));
    expect(() => captured(rows(), integers([0, 1, 7, 0]))).toThrow(/nll_loss.*7|7.*out of bounds/s);
    expect(captured(rows(), integers([0, 1, 2, 0])).numel).toBe(1);
  });

  test("of checks that give no result are heard as well", () => {
    const captured = capture((x: Tensor) => aten.linalg_inv(x));
    for (let call = 0; call < 3; call++) captured(tensor([[2, 0], [0, 4]], { dtype: "float64" }));
    expect(captured.stats.replayed).toBe(1);
    expect(() => captured(zeros([2, 2], { dtype: "float64" }))).toThrow(/singular/);
  });

  test("a function that goes on after an operator failed is not recorded", () => {
    const captured = expectEqualCalls((x) => {
      const sum = x.clone();
      try {
        aten._foreach_add_([sum, zeros([1]).expand([4])], 1);
      } catch {
        return sum;
      }
      return x;
    }, rows);
    expect(captured.stats.refused).toEqual([expect.stringMatching(/_foreach_add_\S* failed, and the function went on/)]);
  });

  test("a function that throws while it is recorded is recorded later", () => {
    let fails = false;
    const captured = capture((x: Tensor) => {
      const y = x.add(1);
      if (fails) throw new Error("mine");
      return y;
    });
    captured(rows());
    fails = true;
    expect(() => captured(rows())).toThrow("mine");
    fails = false;
    for (let call = 0; call < 2; call++) captured(rows());
    expect(ran(captured.stats)).toEqual([1, 1, 1]);
  });
});

describe("recorded anew", () => {
  class Net extends Module {
    linear = new Linear(3, 2);
    forward(x: Tensor): Tensor {
      return this.linear.forward(x).sum();
    }
  }

  test("when parameters move to another dtype", () => {
    const net = new Net();
    const captured = capture((x: Tensor) => net.forward(x));
    for (let call = 0; call < 3; call++) captured(rows());
    net.to("float64");
    const x = randn([4, 3], { dtype: "float64" });
    for (let call = 0; call < 3; call++) expect(captured(x).toArray()).toEqual(net.forward(x).toArray());
    expect(captured.stats.replayed).toBeGreaterThan(1);
  });

  test("when a parameter gets other memory or begins to require a gradient", () => {
    const w = randn([3]);
    const captured = capture((x: Tensor) => x.mul(w).sum());
    const x = rows();
    for (let call = 0; call < 3; call++) captured(x);
    aten.set_data(w, randn([3]));
    for (let call = 0; call < 2; call++) expect(captured(x).item()).toBe(x.mul(w).sum().item());
    w.requiresGrad_();
    captured(x).backward();
    captured(x).backward();
    expect(w.grad!.toArray()).toEqual(x.sum([0]).mul(2).toArray());
    expect(captured.stats.refused).toEqual([]);
  });

  test("for each mode, and each mode keeps its own", () => {
    const w = randn([3, 3]).requiresGrad_();
    const captured = capture((x: Tensor) => x.matmul(w));
    const x = rows();
    const modes: [string, (fn: () => Tensor) => Tensor][] = [
      ["grad", (fn) => fn()], ["noGrad", (fn) => noGrad(fn)], ["inference", (fn) => inferenceMode(fn)],
      ["autocast", (fn) => autocast(fn)],
      ["deterministic", (fn) => {
        useDeterministicAlgorithms(true);
        try {
          return fn();
        } finally {
          useDeterministicAlgorithms(false);
        }
      }],
    ];
    for (let round = 0; round < 4; round++)
      for (const [name, within] of modes) {
        const [actual, expected] = [within(() => captured(x)), within(() => x.matmul(w))];
        expect([name, actual.dtype, actual.requiresGrad, actual.toArray()]).toEqual([name, expected.dtype, expected.requiresGrad, expected.toArray()]);
      }
    expect(ran(captured.stats)).toEqual([5, 5, 10]);
  });

  test("for other shapes, dtypes, strides, and inputs that require gradients", () => {
    const captured = capture((x: Tensor) => x.mul(2).sum([0]));
    const kinds = [rows(), randn([2, 3]), randn([4, 3], { dtype: "float64" }), randn([3, 4]).t(), rows().requiresGrad_()];
    for (let round = 0; round < 3; round++)
      for (const x of kinds) expect([captured(x).requiresGrad, captured(x).toArray()]).toEqual([x.requiresGrad, x.mul(2).sum([0]).toArray()]);
    expect(captured.stats.programs).toBe(5);
  });

  test("at most maxPrograms are kept", () => {
    const captured = capture((x: Tensor) => x.mul(2), { maxPrograms: 2 });
    for (const size of [1, 2, 3]) for (let call = 0; call < 3; call++) expect(captured(zeros([size])).shape).toEqual([size]);
    expect([captured.stats.programs, captured.stats.evicted]).toEqual([2, 1]);
    for (let call = 0; call < 3; call++) captured(zeros([1]));
    expect([captured.stats.programs, captured.stats.evicted, captured.stats.recorded]).toEqual([2, 2, 4]);
  });
});

describe("memory that is shared", () => {
  test("by two inputs, or with a parameter: the function runs, and what was recorded is kept for others", () => {
    const w = randn([3]);
    const captured = capture((x: Tensor, y: Tensor) => x.add_(1).mul(y).mul(w));
    const call = (x: Tensor, y: Tensor): unknown => captured(x, y).toArray();
    for (let i = 0; i < 3; i++) call(randn([3]), randn([3]));
    const x = tensor([1, 2, 3]);
    expect(call(x, x)).toEqual(tensor([4, 9, 16]).mul(w).toArray());
    expect(call(x, x.view([3]))).toEqual(tensor([9, 16, 25]).mul(w).toArray());
    const before = w.add(1);
    expect(call(w, tensor([1, 1, 1]))).toEqual(before.mul(before).toArray());
    const replayed = captured.stats.replayed;
    call(randn([3]), randn([3]));
    expect(captured.stats.replayed).toBe(replayed + 1);
  });

  test("with what the function uses while it is recorded: not taken for the input", () => {
    const w = tensor([1, 2, 3]);
    const captured = capture((x: Tensor) => x.mul(w));
    for (let call = 0; call < 3; call++) captured(w);
    expect(captured(tensor([1, 1, 1])).toArray()).toEqual([1, 2, 3]);
    expect(captured.stats.refused).toEqual([expect.stringMatching("an input lies in the memory of a tensor that it uses")]);
  });

  test("inputs may lie anywhere in theirs", () => {
    const all = randn([10, 3]);
    let at = 0;
    const captured = expectEqualCalls((x) => x.mul(2), () => all.narrow(0, at++, 4), 6);
    expect(captured.stats.replayed).toBe(4);
  });
});

describe("results", () => {
  test("that are inputs, or alias them, are those of each call", () => {
    const [w, b] = [randn([3]).requiresGrad_(), randn([3])];
    const captured = capture((x: Tensor) => ({ x, same: x.contiguous(), w, b, twice: [x, x], y: x.add(b), three: 3 }));
    for (let call = 0; call < 4; call++) {
      const x = randn([3]);
      const result = captured(x);
      expect([result.x === x, result.w === w, result.b === b, result.twice.map((each) => each === x), result.three]).toEqual([true, true, true, [true, true], 3]);
      expect(result.same.toArray()).toEqual(x.toArray());
      expect(result.y.toArray()).toEqual(x.add(b).toArray());
    }
    expect(captured.stats.replayed).toBe(2);
  });

  test("made of JavaScript's values are new at each call", () => {
    const captured = capture((x: Tensor) => [tensor([1, 2]).view([2, 1]), x.add(1)] as const);
    for (let call = 0; call < 4; call++) {
      const [made] = captured(rows());
      expect(made.toArray()).toEqual([[1], [2]]);
      made.fill_(9);
    }
    expect(captured.stats.replayed).toBe(2);
  });

  test("0 and -0 are told apart", () => {
    const captured = expectEqualCalls((x) => aten.stack([aten.copysign(x, 0), aten.copysign(x, -0)]), rows);
    expect(captured.stats.replayed).toBe(2);
  });

  test("views of inputs count their writes with them", () => {
    const captured = capture((x: Tensor) => x.narrow(0, 1, 2));
    for (let call = 0; call < 3; call++) {
      const x = tensor([1, 2, 3]);
      const product = tensor([1, 1, 1]).requiresGrad_().mul(x);
      captured(x).mul_(2);
      expect(x.toArray()).toEqual([1, 4, 6]);
      expectError(() => product.sum().backward(), "ERR_NATIVE", /modified by an inplace operation/);
    }
    expect(captured.stats.replayed).toBe(1);
  });

  test("the tensors of the recorded call are not kept", () => {
    scope(() => {
      const held = capture((x: Tensor) => ({ big: x.mul(2), list: [x.add(1)] }));
      held(zeros([1 << 16]));
      scope(() => void held(zeros([1 << 16])));
      const before = memoryStats().bytes["cpu"]!;
      for (let call = 0; call < 5; call++) scope(() => void held(zeros([1 << 16])));
      expect(memoryStats().bytes["cpu"]).toBe(before);
    });
  });
});

describe("calls within calls", () => {
  test("a captured function inside of another is recorded with it", () => {
    const inner = capture((x: Tensor) => x.mul(2));
    const outer = capture((x: Tensor) => inner(x).add(1));
    for (let call = 0; call < 5; call++) expect(outer(tensor([call])).toArray()).toEqual([2 * call + 1]);
    expect(ran(outer.stats)).toEqual([1, 1, 3]);
  });
});

describe("check", () => {
  test("finds a value of JavaScript's that changed", () => {
    let factor = 2;
    const captured = capture((x: Tensor) => x.mul(factor).sum(), { check: 2 });
    for (let call = 0; call < 4; call++) captured(rows());
    expect(captured.stats.checked).toBe(1);
    factor = 3;
    captured(rows());
    expectError(() => captured(rows()), "ERR_STATE", /differ in result 0.*JavaScript/);
  });

  test("passes where the function writes to its inputs, and where results are differentiated after it", () => {
    const [weight, sums] = [randn([3, 3]).requiresGrad_(), zeros([4, 3])];
    const run = (check: number | null) => {
      sums.zero_();
      weight.grad = null;
      const fn = (x: Tensor) => (noGrad(() => sums.add_(x.mul_(2))), x.matmul(weight).mul(sums).sum());
      const called = check === null ? fn : capture(fn, { check });
      for (let call = 0; call < 5; call++) called(aten.arange(12, { dtype: "float32" }).view([4, 3])).backward();
      return [sums.toArray(), weight.grad!.toArray()];
    };
    expect(run(1)).toEqual(run(null));
    expect(run(2)).toEqual(run(null));
  });

  test("passes otherwise, over dropout and BatchNorm, and changes nothing", () => {
    const build = () => {
      manualSeed(3);
      return { norm: new BatchNorm1d(3), drop: new Dropout(0.5), linear: new Linear(3, 2) };
    };
    const end = (check: number | null) => {
      const { norm, drop, linear } = build();
      const fn = (x: Tensor) => linear.forward(drop.forward(norm.forward(x))).square().sum();
      const called = check === null ? fn : capture(fn, { check });
      const losses = Array.from({ length: 8 }, () => called(rows()).item());
      return { losses, mean: norm.runningMean!.toArray(), generator: defaultGenerator().getState().toArray() };
    };
    expect(end(1)).toEqual(end(null));
    expect(end(3)).toEqual(end(null));
  });
});

test("a thousand replays leave no handles and no memory behind, and programs are freed with their function", () => {
  const weight = randn([3, 3]).requiresGrad_();
  const captured = capture((x: Tensor) => aten.tanh(x.matmul(weight)).sum());
  const x = rows();
  const call = () => scope(() => captured(x).backward());
  for (let i = 0; i < 4; i++) call();
  const before = memoryStats();
  for (let i = 0; i < 1000; i++) call();
  expect(memoryStats()).toEqual(before);
  expect(captured.stats.replayed).toBe(1002);
});
