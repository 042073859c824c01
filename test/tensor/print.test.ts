import { inspect } from "node:util";
import {
  arange, eye, fromBytes, manualSeed, ones, ops, rand, randint, randn, scope, setPrintOptions, tensor, zeros, memoryStats,
  type DType, type Tensor,
} from "dgsam";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { evaluatedByPytorch, printedByPytorch } from "./pytorch.js";

const REAL: readonly DType[] = ["float32", "float64", "float16", "bfloat16"];
const EXACT: readonly DType[] = ["uint8", "int8", "int16", "int32", "int64"];
const NAN = Number.NaN;
const INF = Number.POSITIVE_INFINITY;

/** Tensors of every kind that prints differently. */
function samples(): Tensor[] {
  manualSeed(3);
  const values: number[][] = [
    [0], [-0], [1], [-1], [0.5], [1.5, 2.5, 3.5], [1, 2, 3], [1, 2.5, -3], [1e-3, 1], [1e-5, 1], [1e-4], [9.9e-5], [1000, 1], [1001, 1],
    [1001, 1.5], [1e8], [1.1e8], [1e8, 0.5], [1e9, 1], [99999.5, 100], [123456.789, 1000], [NAN], [INF], [-INF], [NAN, 1, -INF],
    [NAN, 1.5, INF], [INF, 1e9, 1], [0, 0, 0], [-0, 1], [-0, 0.5], [1e-40, 1], [3.4e38], [0.03125, 0.09375], [0.00005, 1], [12.34565, 2],
    [0.1, 0.2, 0.3], [100000, 0.1], [-0.00001, 1], [65504, 1],
  ];
  const made: Tensor[] = values.flatMap((each) => REAL.map((dtype) => tensor(each, { dtype })));
  for (const dtype of EXACT)
    made.push(
      tensor([1, 2, 3], { dtype }), tensor([100, 1, 10], { dtype }), tensor([0], { dtype }), tensor(7, { dtype }),
      zeros([0], { dtype }), zeros([0, 3], { dtype }), arange(30, { dtype }), ones([3, 4], { dtype }), randint(0, 100, [4, 5], { dtype }),
    );
  made.push(
    tensor([-5, 100], { dtype: "int16" }), tensor([2n ** 62n, -1n]), tensor([(-2n) ** 63n]),
    fromBytes(new BigUint64Array([2n ** 64n - 1n]), { dtype: "uint64" }),
    tensor(true), tensor([true, false]), tensor([[true], [false]]), zeros([0], { dtype: "bool" }), zeros([2, 0], { dtype: "bool" }),
    tensor(3.5), tensor(3), tensor(-1e-9), tensor(1e10), zeros([]), zeros([0]), zeros([1, 0, 2]), zeros([1]), zeros([1, 1, 1]),
    randn([3, 4]), randn([2, 3, 4]), randn([2, 1, 2, 3]), randn([20]), randn([100]), randn([7, 30]), eye(5), rand([3]).mul(1e-6),
    randn([1000]), randn([1001]), randn([1100, 2]), randn([2, 1100]), randn([40, 40]), randn([11, 11, 11]), randn([6, 200]), randn([7, 3, 100]),
    arange(2000), arange(2000, { dtype: "int64" }), arange(10_000).reshape(100, 100), randn([5000]).gt(0), randint(0, 3, [50, 50]),
    randn([10, 200]).mul(1e-5), arange(3000).mul(1e6), zeros([2000]), tensor([1e9, 1e-9]).repeat(800),
    ...(["complex64", "complex128"] as const).flatMap((dtype) => [
      tensor([{ re: 1, im: 2 }], { dtype }), tensor([{ re: 1.5, im: -2 }, { re: -1, im: 0 }], { dtype }), tensor({ re: 0, im: -0 }, { dtype }),
      tensor([{ re: NAN, im: INF }, { re: 1e9, im: -INF }], { dtype }), randn([3, 3], { dtype }), randn([40, 40], { dtype }), zeros([0], { dtype }),
    ]),
    fromBytes(new Uint16Array([0x3c00, 0x4000, 0xc000, 0x3800]), { dtype: "complex32" }),
    ...(["float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz"] as const).map((dtype) => tensor([1, 1.5, -2, 0.125], { dtype })),
  );
  return made;
}

describe.skipIf(!hasTorch)("equals PyTorch's repr", { timeout: 60_000 }, () => {
  test("for every dtype, sizes from none to summarised, and special values", () => {
    scope(() => {
      const all = samples();
      expect(all.length).toBeGreaterThan(250);
      expect(all.map(String)).toEqual(printedByPytorch(all));
    });
  });

  test("for random numbers of any magnitude", () => {
    const drawn = fc.sample(
      fc.tuple(
        fc.array(fc.oneof(fc.double(), fc.double({ min: -1000, max: 1000 }), fc.integer({ min: -20, max: 20 }).map((n) => n / 32)), { maxLength: 12 }),
        fc.constantFrom(...REAL),
      ),
      { numRuns: 300, seed: 5 },
    );
    scope(() => {
      const all = drawn.map(([data, dtype]) => tensor(data, { dtype }));
      expect(all.map(String)).toEqual(printedByPytorch(all));
    });
  });

  test("with gradients, other devices, sparse and quantised layouts, views", () => {
    const cases: [expression: string, make: () => Tensor][] = [
      ["torch.ones(2, requires_grad=True)", () => ones([2], { requiresGrad: true })],
      ["torch.ones(2, requires_grad=True) + 1", () => ones([2], { requiresGrad: true }).add(1)],
      ["(torch.ones(2, 2, requires_grad=True) @ torch.ones(2, 2)).sum()", () => ones([2, 2], { requiresGrad: true }).matmul(ones([2, 2])).sum()],
      ["torch.ones(30, 5, requires_grad=True).double() * 2", () => ones([30, 5], { requiresGrad: true }).double().mul(2)],
      ["(torch.ones(2, requires_grad=True) * 2)[0]", () => ones([2], { requiresGrad: true }).mul(2).get(0)],
      ["(torch.ones(2, requires_grad=True) * 2).fill_(3)", () => ones([2], { requiresGrad: true }).mul(2).fill_(3)],
      ["(torch.ones(2, 2, requires_grad=True) * 2)[0].mul_(2)", () => ones([2, 2], { requiresGrad: true }).mul(2).get(0).mul_(2)],
      ["F.relu(torch.ones(2, requires_grad=True))", () => ones([2], { requiresGrad: true }).relu()],
      ["torch.ones(9, requires_grad=True).unbind()[3]", () => ones([9], { requiresGrad: true }).unbind()[3]!],
      ["torch.zeros(2, 3, device='meta')", () => zeros([2, 3], { device: "meta" })],
      ["torch.zeros(2, device='meta', dtype=torch.int64)", () => zeros([2], { device: "meta", dtype: "int64" })],
      ["torch.eye(3).to_sparse()", () => ops.aten["to_sparse.default"](eye(3))],
      ["torch.zeros(3, 3, dtype=torch.int32).to_sparse()", () => ops.aten["to_sparse.default"](zeros([3, 3], { dtype: "int32" }))],
      ["torch.eye(3, requires_grad=True).to_sparse()", () => ops.aten["to_sparse.default"](eye(3, { requiresGrad: true }))],
      ["torch.eye(3).to_sparse_csr()", () => ops.aten.to_sparse_csr(eye(3))],
      ["torch.eye(3).double().to_sparse_csc()", () => ops.aten.to_sparse_csc(eye(3).double())],
      ["torch.eye(4).to_sparse_bsr((2, 2))", () => ops.aten.to_sparse_bsr(eye(4), [2, 2])],
      ["torch.zeros(3, 2).to_sparse_csr()", () => ops.aten.to_sparse_csr(zeros([3, 2]))],
      ["torch.quantize_per_tensor(torch.arange(4.), 0.1, 10, torch.quint8)", () => ops.aten["quantize_per_tensor.default"](arange(4), 0.1, 10, "quint8")],
      ["torch.quantize_per_tensor(torch.arange(4.), 1., 0, torch.qint8)", () => ops.aten["quantize_per_tensor.default"](arange(4), 1, 0, "qint8")],
      ["torch.quantize_per_channel(torch.ones(2, 2), tensor([0.1, 0.2]), tensor([0, 1]), 0, torch.quint8)",
        () => ops.aten["quantize_per_channel.default"](ones([2, 2]), tensor([0.1, 0.2]), tensor([0n, 1n]), 0, "quint8")],
      ["torch.ones(2, dtype=torch.complex64).mul(1j).conj()", () => ops.aten.conj(tensor([{ re: 0, im: 1 }, { re: 0, im: 1 }]))],
      ["torch.ones(2, dtype=torch.complex64).mul(1j).conj().imag", () => tensor([{ re: 0, im: 1 }, { re: 0, im: 1 }]).conj().imag()],
      ["torch._efficientzerotensor((2,))", () => ops.aten._efficientzerotensor([2], { dtype: "float32" })],
      ["torch.arange(6.).reshape(2, 3).t()", () => arange(6).reshape(2, 3).t()],
      ["torch.arange(6.).expand(2, 6)", () => arange(6).expand(2, 6)],
    ];
    scope(() => {
      expect(cases.map(([, make]) => String(make()))).toEqual(
        evaluatedByPytorch(cases.map(([expression]) => `repr(${expression})`)).map((each) => ("text" in each ? each.text : each)));
    });
  });

  test("with other print options", () => {
    const settings: [python: string, ours: Parameters<typeof setPrintOptions>[0]][] = [
      ["precision=2", { precision: 2 }], ["precision=0", { precision: 0 }], ["precision=12", { precision: 12 }], ["threshold=5", { threshold: 5 }],
      ["threshold=5, edgeitems=1", { threshold: 5, edgeItems: 1 }], ["linewidth=30", { lineWidth: 30 }], ["sci_mode=True", { sciMode: true }],
      ["sci_mode=False", { sciMode: false }],
    ];
    const values = "[0.125, 1e-7, 2.5, 1e22, 100.0, 0.375, 1.0, 3.0]";
    const ours = settings.map(([, options]) => {
      const before = setPrintOptions(options);
      try {
        return String(tensor(JSON.parse(values) as number[], { dtype: "float64" }));
      } finally {
        setPrintOptions(before);
      }
    });
    const theirs = evaluatedByPytorch(settings.map(([options]) => [
      `torch.set_printoptions(profile="default"); torch.set_printoptions(${options})`, `repr(tensor(${values}, dtype=torch.float64))`,
    ]));
    expect(ours.map((text) => ({ text }))).toEqual(theirs);
  });
});

describe("text", () => {
  afterEach(() => void setPrintOptions({ precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null }));

  test("is the same from String, toString, a template and util.inspect, also inside objects", () => {
    const made = tensor([[1, 2], [3, 4]]);
    const text = "tensor([[1., 2.],\n        [3., 4.]])";
    expect([String(made), made.toString(), `${made}`, inspect(made)]).toEqual([text, text, text, text]);
    expect(inspect({ loss: tensor(0.5) })).toBe("{ loss: tensor(0.5000) }");
    expect(inspect({ a: { b: { c: { d: made } } } })).toContain("[Object]");
    expect(inspect({ d: made }, { depth: 0 })).toBe("{ d: [Tensor] }");
  });

  test("of a disposed tensor says so", () => {
    const made = tensor([1]);
    made.dispose();
    expect([String(made), inspect(made)]).toEqual(["Tensor(disposed)", "Tensor(disposed)"]);
  });

  test("leaves no handle behind", () => {
    scope(() => {
      const made = [randn([50, 50]), tensor([{ re: 1, im: 1 }]), randn([3], { requiresGrad: true }).add(1), ops.aten["to_sparse.default"](eye(3))];
      const { handles } = memoryStats();
      made.map(String);
      expect(memoryStats().handles).toBe(handles);
    });
  });

  test("setPrintOptions keeps what is not named and returns what held", () => {
    expect(setPrintOptions({ precision: 2 })).toEqual({ precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null });
    expect(String(tensor([0.125, 1.5]))).toBe("tensor([0.12, 1.50])");
    expect(setPrintOptions({ threshold: 1 }).precision).toBe(2);
    expect(String(arange(10))).toBe("tensor([0., 1., 2.,  ..., 7., 8., 9.])");
  });

  test("setPrintOptions refuses what it does not know", () => {
    expectError(() => setPrintOptions({ precision: 1.5 }), "ERR_ARGUMENT", /^setPrintOptions: precision: expected an integer from 0 to 40, got the number 1\.5$/);
    expectError(() => setPrintOptions({ sciMode: "on" as never }), "ERR_ARGUMENT", /sciMode: expected a boolean or null/);
    expectError(() => setPrintOptions({ edgeItems: 0 }), "ERR_ARGUMENT", /edgeItems: expected an integer >= 1/);
    expectError(() => setPrintOptions({ lineLength: 3 } as never), "ERR_ARGUMENT", /^setPrintOptions: unknown option 'lineLength'; the options are precision, /);
    for (const options of [undefined, null, 3]) expectError(() => setPrintOptions(options as never), "ERR_ARGUMENT", /^setPrintOptions[:(].*expected an object/);
  });
});
