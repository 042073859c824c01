import {
  arange, complex, defaultGenerator, empty, emptyLike, eye, full, fullLike, Generator, linspace, logspace, manualSeed, ones, onesLike, rand, randint,
  randintLike, randLike,
  randn, randnLike, randperm, scope, tensor, zeros, zerosLike, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch } from "./pytorch.js";

function inScope(body: () => void): () => void {
  return () => scope(body);
}

const DRAWS: readonly (readonly [python: string, ours: () => Tensor | Tensor[]])[] = [
  ["torch.rand(5)", () => rand([5])], ["torch.rand(3, 4, dtype=torch.float64)", () => rand([3, 4], { dtype: "float64" })],
  ["torch.rand(100)", () => rand([100])], ["torch.rand(20, dtype=torch.bfloat16)", () => rand([20], { dtype: "bfloat16" })],
  ["torch.randn(5)", () => randn([5])], ["torch.randn(100)", () => randn([100])],
  ["torch.randn(4, 4, dtype=torch.float64)", () => randn([4, 4], { dtype: "float64" })],
  ["torch.randn(17, dtype=torch.complex64)", () => randn([17], { dtype: "complex64" })],
  ["torch.randint(10, (20,))", () => randint(10, [20])], ["torch.randint(-5, 5, (3, 3))", () => randint(-5, 5, [3, 3])],
  ["torch.randint(0, 2, (9,), dtype=torch.float32)", () => randint(0, 2, [9], { dtype: "float32" })],
  ["torch.randperm(50)", () => randperm(50)], ["torch.randperm(5, dtype=torch.int32)", () => randperm(5, { dtype: "int32" })],
  ["torch.randn_like(torch.zeros(2, 3))", () => randnLike(zeros([2, 3]))],
  ["torch.rand_like(torch.zeros(2, 3).double())", () => randLike(zeros([2, 3], { dtype: "float64" }))],
  ["torch.randint_like(torch.zeros(5), 3)", () => randintLike(zeros([5]), 3)],
  ["torch.randint_like(torch.zeros(5), -3, 3)", () => randintLike(zeros([5]), -3, 3)],
  ["[torch.randn(3), torch.rand(3), torch.randn(3)]", () => [randn([3]), rand([3]), randn([3])]],
];

const GENERATOR_DRAWS: readonly (readonly [python: string, ours: (generator: Generator) => Tensor])[] = [
  ["torch.rand(5, generator=g)", (generator) => rand([5], { generator })],
  ["torch.randn(20, generator=g)", (generator) => randn([20], { generator })],
  ["torch.randint(3, 9, (5,), generator=g)", (generator) => randint(3, 9, [5], { generator })],
  ["torch.randperm(9, generator=g)", (generator) => randperm(9, { generator })],
  ["torch.rand_like(torch.zeros(5), generator=g)", (generator) => randLike(zeros([5]), { generator })],
  ["torch.randn_like(torch.zeros(20).double(), generator=g)", (generator) => randnLike(zeros([20], { dtype: "float64" }), { generator })],
  ["torch.randint_like(torch.zeros(5), 3, generator=g)", (generator) => randintLike(zeros([5]), 3, { generator })],
  ["torch.randint_like(torch.zeros(5).long(), 3, 9, generator=g)", (generator) => randintLike(zeros([5], { dtype: "int64" }), 3, 9, { generator })],
  ["torch.zeros(4).normal_(generator=g)", (generator) => zeros([4]).normal_(0, 1, { generator })],
];

const FILLED: readonly (readonly [python: string, ours: () => Tensor])[] = [
  ["torch.zeros(2, 3)", () => zeros([2, 3])], ["torch.ones(2, dtype=torch.int64)", () => ones([2], { dtype: "int64" })],
  ["torch.full((2,), 1.5)", () => full([2], 1.5)], ["torch.full((2,), 7)", () => full([2], 7n)], ["torch.full((2,), True)", () => full([2], true)],
  ["torch.full((2,), 1j)", () => full([2], complex(0, 1))],
  ["torch.arange(5.)", () => arange(5)], ["torch.arange(1, 4)", () => arange(1n, 4n)], ["torch.arange(1., 2., 0.25)", () => arange(1, 2, 0.25)],
  ["torch.arange(3, 0, -1, dtype=torch.int16)", () => arange(3, 0, -1, { dtype: "int16" })],
  ["torch.logspace(0, 2, 3)", () => logspace(0, 2, 3)], ["torch.logspace(0, 3, 4, base=2., dtype=torch.float64)", () => logspace(0, 3, 4, 2, { dtype: "float64" })],
  ["torch.logspace(0, 3, 4, base=3.)", () => logspace(0, 3, 4, { base: 3 })],
  ["torch.linspace(0, 1, 7)", () => linspace(0, 1, 7)],
  ["torch.linspace(-1, 1, 3, dtype=torch.float64)", () => linspace(-1, 1, 3, { dtype: "float64" })], ["torch.eye(3)", () => eye(3)],
  ["torch.eye(2, 3, dtype=torch.int64)", () => eye(2, 3, { dtype: "int64" })],
  ["torch.zeros_like(torch.ones(2).int())", () => zerosLike(ones([2], { dtype: "int32" }))],
  ["torch.ones_like(torch.zeros(2), dtype=torch.bool)", () => onesLike(zeros([2]), { dtype: "bool" })],
  ["torch.full_like(torch.zeros(2).long(), 3)", () => fullLike(zeros([2], { dtype: "int64" }), 3)],
];

describe.skipIf(!hasTorch)("equal PyTorch's", { timeout: 60_000 }, () => {
  test("filled tensors", inScope(() => {
    expect(FILLED.map(([title, ours]) => [title, encode(ours())])).toEqual(evaluatedByPytorch(FILLED.map(([python]) => python)).map((each, i) => [FILLED[i]![0], each]));
  }));

  test("draws for the same seed", inScope(() => {
    const theirs = evaluatedByPytorch(DRAWS.map(([python]) => ["torch.manual_seed(123)", python] as const));
    expect(DRAWS.map(([title, ours]) => {
      manualSeed(123);
      return [title, encode(ours())];
    })).toEqual(theirs.map((each, i) => [DRAWS[i]![0], each]));
  }));

  test("draws from a generator", inScope(() => {
    const theirs = evaluatedByPytorch(GENERATOR_DRAWS.map(([python]) => ["g = torch.Generator().manual_seed(2**40)", python] as const));
    expect(GENERATOR_DRAWS.map(([title, ours]) => [title, encode(ours(new Generator().manualSeed(2 ** 40)))])).toEqual(theirs.map((each, i) => [GENERATOR_DRAWS[i]![0], each]));
  }));

  test("generator states, byte for byte", inScope(() => {
    const [theirs] = evaluatedByPytorch([["g = torch.Generator().manual_seed(5); torch.rand(3, generator=g); torch.randn(1, generator=g)", "g.get_state()"]]);
    const generator = new Generator().manualSeed(5);
    rand([3], { generator });
    randn([1], { generator });
    expect(encode(generator.getState())).toEqual(theirs);
  }));
});

describe("defaults", () => {
  test("float32 where a number says nothing, int64 for indices", inScope(() => {
    expect([
      zeros([1]), ones([1]), empty([1]), full([1], 1), arange(2), linspace(0, 1, 2), eye(1), rand([1]), randn([1]), randint(2, [1]), randperm(2),
      full([1], 1n), arange(2n), full([1], true),
    ].map(({ dtype }) => dtype)).toEqual(
      ["float32", "float32", "float32", "float32", "float32", "float32", "float32", "float32", "float32", "int64", "int64", "int64", "int64", "bool"]);
  }));

  test("Like forms take dtype and device of their model, and options of their own", inScope(() => {
    const model = zeros([2, 3], { dtype: "float64" });
    expect([
      zerosLike(model), onesLike(model), emptyLike(model), fullLike(model, 2), randLike(model), randnLike(model),
    ].map(({ dtype, shape }) => [dtype, shape])).toEqual(new Array(6).fill(["float64", [2, 3]]));
    expect([
      zerosLike(model, { dtype: "int8" }).dtype, onesLike(model, { requiresGrad: true }).requiresGrad, emptyLike(model, { device: "meta" }).device,
    ]).toEqual(["int8", true, "meta"]);
    expect(zerosLike(zeros([1, 2, 2, 2]), { memoryFormat: "channels_last" }).strides).toEqual([8, 1, 4, 2]);
  }));

  test("requiresGrad and device", inScope(() => {
    expect([
      zeros([1], { requiresGrad: true }).requiresGrad, randn([1]).requiresGrad, rand([2], { device: "meta" }).device,
      empty([1, 2, 2, 2], { memoryFormat: "channels_last" }).strides,
    ]).toEqual([true, false, "meta", [8, 1, 4, 2]]);
  }));
});

describe("refusals", () => {
  test.each([
    ["a negative size", () => zeros([-1]), "ERR_SHAPE", /Dimension size must be non-negative/],
    ["a size for a shape", () => zeros(2 as never), "ERR_ARGUMENT", /^zeros\(shape\): expected an array of sizes, as in zeros\(\[2, 3\]\), got the number 2$/],
    ["sizes for a shape", () => randn(2 as never, 3 as never), "ERR_ARGUMENT", /^randn\(shape\): expected an array of sizes, as in randn\(\[2, 3\]\)/],
    ["a misspelt option", () => zeros([2], { requires_grad: true } as never), "ERR_ARGUMENT", /^zeros: unknown option 'requires_grad'; the options are dtype, device, requiresGrad$/],
    ["a misspelt option of a draw", () => rand([2], { gen: 1 } as never), "ERR_ARGUMENT", /^rand: unknown option 'gen'; the options are dtype, device, requiresGrad, generator$/],
    ["a misspelt option of a Like form", () => onesLike(zeros([2]), { foo: 1 } as never), "ERR_ARGUMENT", /^onesLike: unknown option 'foo'; the options are dtype, device, layout, memoryFormat, requiresGrad$/],
    ["a dtype for options", () => zeros([2], "float64" as never), "ERR_ARGUMENT", /^zeros: options: expected an object with any of dtype, device, requiresGrad, got the string "float64"$/],
    ["null for options", () => zeros([2], null as never), "ERR_ARGUMENT", /^zeros: options: expected an object .*, got null$/],
    ["a dtype for arange's options", () => arange(3, "float64" as never), "ERR_ARGUMENT", /^arange: options: expected an object/],
    ["too many bounds", () => arange(0, 1, 1, 1 as never), "ERR_ARGUMENT", /^arange: options: expected an object .*, got the number 1$/],
    ["a second object", () => (arange as (...args: unknown[]) => unknown)(3, {}, {}), "ERR_ARGUMENT", /^arange\(start, end, step\): expected numbers or bigints, then options, got an object/],
    ["a broken size", () => zeros([1.5]), "ERR_ARGUMENT", /got the number 1\.5 at index 0/],
    ["an unknown dtype", () => zeros([2], { dtype: "float" as never }), "ERR_ARGUMENT", /argument 'dtype'/],
    ["no bound", () => arange(undefined as never), "ERR_ARGUMENT", /^arange\(end\): expected a number or bigint, got undefined/],
    ["a step that leads away", () => arange(0, 5, -1), "ERR_ARGUMENT", /upper bound and lower bound inconsistent with step sign/],
    ["an empty range", () => randint(5, 5, [1]), "ERR_ARGUMENT", /random_ expects 'from' to be less than 'to'/],
    ["gradients of integers", () => ones([1], { dtype: "int64", requiresGrad: true }), "ERR_DTYPE", /^ones: requiresGrad: expected a floating-point or complex dtype for a gradient, got int64$/],
    ["no generator", () => rand([1], { generator: {} as never }), "ERR_ARGUMENT", /argument 'generator': expected a Generator/],
    ["a device that is not there", () => zeros([1], { device: "cuda:99" }), "ERR_DEVICE", /./],
    ["a negative count", () => linspace(0, 1, -1), "ERR_ARGUMENT", /number of steps must be non-negative/],
  ] as const)("%s", (_, make, code, message) => {
    scope(() => expectError(make, code, message));
  });
});

describe("Generator", () => {
  test("goes on where its state was taken", inScope(() => {
    const generator = new Generator().manualSeed(9);
    rand([3], { generator });
    const state = generator.getState();
    const next = rand([5], { generator }).toArray();
    generator.setState(state);
    expect(rand([5], { generator }).toArray()).toEqual(next);
    const other = new Generator();
    other.setState(state);
    expect(rand([5], { generator: other }).toArray()).toEqual(next);
  }));

  test("does not disturb the default generator", inScope(() => {
    manualSeed(1);
    const first = rand([2]).toArray();
    manualSeed(1);
    rand([10], { generator: new Generator().manualSeed(1) });
    expect(rand([2]).toArray()).toEqual(first);
  }));

  test("seeds: any safe integer or 64-bit bigint; initialSeed() and seed() tell", inScope(() => {
    const generator = new Generator();
    expect(generator.initialSeed()).toBe(67280421310721n);
    for (const [seed, told] of [[0, 0n], [2 ** 53 - 1, 2n ** 53n - 1n], [2n ** 64n - 1n, -1n], [-5, -5n]] as const) expect(BigInt.asIntN(64, generator.manualSeed(seed).initialSeed())).toBe(told);
    expect(generator.seed()).toBe(generator.initialSeed());
    manualSeed(77);
    expect(defaultGenerator().initialSeed()).toBe(77n);
  }));

  test("refuses other seeds and states", inScope(() => {
    const generator = new Generator();
    for (const seed of [1.5, "1", 2n ** 64n, null]) expectError(() => generator.manualSeed(seed as never), "ERR_ARGUMENT", /^Generator\.manualSeed\(seed\): expected a safe integer or a bigint from -2\^63 to 2\^64-1, got /);
    expectError(() => manualSeed(0.5), "ERR_ARGUMENT", /^manualSeed\(seed\)/);
    expectError(() => generator.setState([1] as never), "ERR_ARGUMENT", /expected a Tensor from getState\(\)/);
    expect(() => generator.setState(tensor([1]))).toThrow();
    expectError(() => new Generator(1 as never), "ERR_ARGUMENT", /new Generator\(device\): expected a device/);
  }));

  test("is freed by dispose() and using; later use is an ERR_DISPOSED", inScope(() => {
    const generator = new Generator();
    generator.dispose();
    generator.dispose();
    expectError(() => generator.manualSeed(1), "ERR_DISPOSED", /./);
    expectError(() => rand([1], { generator }), "ERR_DISPOSED", /./);
  }));
});
