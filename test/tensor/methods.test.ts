/**
 * Every method that is an operator gives PyTorch's result, to the bit; its in-place form the same in this tensor, and its
 * free function the same again.
 */
import * as dgsam from "dgsam";
import { manualSeed, memoryStats, ops, rand, randn, scope, Tensor, tensor, zeros, type DType } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch } from "../reference/oracle.js";
import { IN_PLACE_CALLS, makeInputs, METHOD_CALLS, type Argument, type MethodCall } from "./method-calls.js";
import { encode, evaluatedByPytorch, type Encoded } from "./pytorch.js";

type Inputs = Readonly<Record<string, Tensor>>;
type Method = (...args: unknown[]) => unknown;

const DTYPES = new Set<string>(["int32", "int64", "float32", "float64"] satisfies DType[]);
// PyTorch has these as functions only.
const FUNCTIONAL = new Set([
  "relu6", "silu", "mish", "selu", "hardswish", "hardsigmoid", "logsigmoid", "gelu", "elu", "celu", "leaky_relu", "prelu", "hardtanh", "softplus",
  "softshrink", "hardshrink", "threshold", "glu", "dropout",
]);
const IN_TORCH = new Set(["rsub", "real", "imag", "view_as_real", "view_as_complex"]);

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function pythonArgument(argument: Argument): string {
  if (argument === null) return "None";
  if (typeof argument === "boolean") return argument ? "True" : "False";
  if (typeof argument === "string") return argument.startsWith("$") ? argument.slice(1) : DTYPES.has(argument) ? `torch.${argument}` : JSON.stringify(argument);
  if (Array.isArray(argument)) return `[${argument.map(pythonArgument).join(", ")}]`;
  if (typeof argument === "object") return Object.entries(argument).map(([name, value]) => `${snakeCase(name)}=${pythonArgument(value as Argument)}`).join(", ");
  return String(argument);
}

function pythonCall([self, method, ...args]: MethodCall): string {
  const name = method === "logSigmoid" ? "logsigmoid" : snakeCase(method);
  const rest = args.map((argument) => (method.startsWith("indexPut") && Array.isArray(argument) ? `(${argument.map(pythonArgument).join(", ")},)` : pythonArgument(argument)));
  const subject = self.slice(1);
  if (FUNCTIONAL.has(name)) return `F.${name}(${[subject, ...rest].join(", ")})`;
  if (IN_TORCH.has(name)) return `torch.${name}(${[subject, ...rest].join(", ")})`;
  return `${subject}.${name}(${rest.join(", ")})`;
}

/** The arguments of a call, the tensor first; tensors are copies. */
function argumentsOf([self, , ...args]: MethodCall, inputs: Inputs): [Tensor, ...unknown[]] {
  const resolve = (argument: Argument): unknown => {
    if (typeof argument === "string" && argument.startsWith("$")) return inputs[argument.slice(1)]!.clone();
    if (Array.isArray(argument)) return argument.map(resolve);
    if (typeof argument === "object" && argument !== null) return Object.fromEntries(Object.entries(argument).map(([name, value]) => [name, resolve(value as Argument)]));
    return argument;
  };
  return [resolve(self) as Tensor, ...args.map(resolve)];
}

function callMethod(call: MethodCall, inputs: Inputs): unknown {
  const [self, ...args] = argumentsOf(call, inputs);
  return (self as unknown as Record<string, Method>)[call[1]]!(...args);
}

const isMethod = (name: string): boolean => typeof Object.getOwnPropertyDescriptor(Tensor.prototype, name)?.value === "function";
const calledMethods = new Set(METHOD_CALLS.map(([, method]) => method));

describe.skipIf(!hasTorch)("as PyTorch", { timeout: 60_000 }, () => {
  test("each method gives PyTorch's result to the bit", () => {
    scope(() => {
      const inputs = makeInputs();
      const theirs = evaluatedByPytorch(METHOD_CALLS.map(pythonCall), inputs);
      const ours = METHOD_CALLS.map((call) => [pythonCall(call), encode(callMethod(call, inputs))]);
      expect(ours).toEqual(METHOD_CALLS.map((call, i) => [pythonCall(call), theirs[i]]));
      expect(theirs.filter((each) => "error" in each)).toEqual([]);
    });
  });

  test("each in-place method changes this tensor as PyTorch does, and returns it", () => {
    const calls = [...IN_PLACE_CALLS, ...METHOD_CALLS.filter(([, method]) => isMethod(`${method}_`)).map(([self, method, ...args]): MethodCall => [self, `${method}_`, ...args])];
    expect(new Set(calls.map(([, method]) => method)).size).toBeGreaterThan(100);
    scope(() => {
      const inputs = makeInputs();
      // F's in-place functions go by another argument; aten's are the same in both.
      const theirs = evaluatedByPytorch(calls.map((call) => {
        const name = snakeCase(call[1]);
        const rest = call.slice(2).map((argument) => pythonArgument(argument as Argument));
        return FUNCTIONAL.has(name.slice(0, -1)) ? `torch.ops.aten.${name}(${[call[0].slice(1), ...rest].join(", ")})` : pythonCall(call);
      }), inputs);
      const ours = calls.map((call): Encoded => {
        const [self, ...args] = argumentsOf(call, inputs);
        try {
          const result = (self as unknown as Record<string, Method>)[call[1]]!(...args);
          expect(result, pythonCall(call)).toBe(self);
          return encode(result);
        } catch (error) {
          if (!(error instanceof dgsam.DgsamError)) throw error;
          return { error: "RuntimeError" };
        }
      });
      expect(ours.map((each, i) => [pythonCall(calls[i]!), each])).toEqual(theirs.map((each, i) => [pythonCall(calls[i]!), each]));
      expect(theirs.filter((each) => "error" in each).length).toBeLessThan(30);
    });
  });

  test("random fills and draws equal PyTorch's for the same seed", () => {
    const calls: MethodCall[] = [
      ["$a", "uniform_"], ["$a", "uniform_", -1, 1], ["$a", "normal_"], ["$a", "normal_", 2, 0.5], ["$i", "random_"], ["$i", "random_", 10],
      ["$i", "random_", -3, 3], ["$a", "bernoulli_"], ["$a", "bernoulli_", 0.9],
      ["$a", "bernoulli_", "$u"], ["$a", "exponential_"], ["$a", "exponential_", 2], ["$a", "logNormal_"], ["$a", "cauchy_"],
      ["$a", "geometric_", 0.3], ["$u", "bernoulli"], ["$weights", "multinomial", 2], ["$weights", "multinomial", 5, true],
      ["$a", "dropout", 0.5, true], ["$a", "dropout"], ["$u", "bernoulli", 0.3],
    ];
    scope(() => {
      const inputs = makeInputs();
      const theirs = evaluatedByPytorch(calls.map((call) => ["torch.manual_seed(7)", pythonCall(call)] as const), inputs);
      const ours = calls.map((call) => {
        const args = argumentsOf(call, inputs);
        manualSeed(7);
        return encode((args[0] as unknown as Record<string, Method>)[call[1]]!(...args.slice(1)));
      });
      expect(ours).toEqual(theirs);
    });
  });
});

// torch.where takes the condition first, torch.polygamma the order, and double() is about JavaScript numbers.
const OTHER_FUNCTIONS = new Set(["where", "polygamma", "double"]);

describe("free functions", () => {
  test("give what the methods of the same name give", () => {
    const functions = dgsam as unknown as Record<string, Method | undefined>;
    const calls = METHOD_CALLS.filter(([, method]) => typeof functions[method] === "function" && !OTHER_FUNCTIONS.has(method));
    expect(new Set(calls.map(([, method]) => method)).size).toBeGreaterThan(180);
    scope(() => {
      const inputs = makeInputs();
      for (const call of calls) expect([call, encode(functions[call[1]]!(...argumentsOf(call, inputs)))]).toEqual([call, encode(callMethod(call, inputs))]);
    });
  });

  test.skipIf(!hasTorch)("normal, poisson, bernoulli and multinomial draw as PyTorch's", () => {
    scope(() => {
      const inputs = makeInputs();
      const { a, c, u, weights } = inputs as Record<"a" | "c" | "u" | "weights", Tensor>;
      const generator = (): dgsam.Generator => new dgsam.Generator().manualSeed(7);
      const cases: readonly (readonly [python: string, ours: () => Tensor])[] = [
        ["torch.normal(a, c, generator=g)", () => dgsam.normal(a, c, { generator: generator() })],
        ["torch.normal(a, 0.5, generator=g)", () => dgsam.normal(a, 0.5, { generator: generator() })],
        ["torch.normal(2., c, generator=g)", () => dgsam.normal(2, c, { generator: generator() })],
        ["torch.normal(2., 0.5, (3,), generator=g)", () => dgsam.normal(2, 0.5, [3], { generator: generator() })],
        ["torch.normal(0., 1., (2, 2), generator=g, dtype=torch.float64)", () => dgsam.normal(0, 1, [2, 2], { generator: generator(), dtype: "float64", requiresGrad: true })],
        ["torch.poisson(c, generator=g)", () => dgsam.poisson(c, { generator: generator() })],
        ["torch.bernoulli(u, generator=g)", () => dgsam.bernoulli(u, { generator: generator() })],
        ["torch.multinomial(weights, 2, generator=g)", () => dgsam.multinomial(weights, 2, { generator: generator() } as never)],
      ];
      const theirs = evaluatedByPytorch(cases.map(([python]) => ["g = torch.Generator().manual_seed(7)", python] as const), inputs);
      expect(cases.map(([title, ours]) => [title, encode(ours())])).toEqual(cases.map(([title], i) => [title, theirs[i]]));
      expect(dgsam.normal(0, 1, [2], { requiresGrad: true }).requiresGrad).toBe(true);
      expectError(() => dgsam.normal(0, -1, [2]), "ERR_ARGUMENT", /normal expects std >= 0\.0/);
      expectError(() => dgsam.normal(0, 1, [2], { gen: 1 } as never), "ERR_ARGUMENT", /there is no argument 'gen'/);
    });
  });

  test("pow, polygamma and where take numbers first", () => {
    scope(() => {
      expect(dgsam.pow(2, tensor([1, 2, 3])).toArray()).toEqual([2, 4, 8]);
      expect(dgsam.polygamma(1, tensor([1])).item()).toBeCloseTo(Math.PI ** 2 / 6, 6);
      expect(dgsam.where(tensor([true, false]), 1.5, 2).toArray()).toEqual([1.5, 2]);
      expect(dgsam.where(tensor([false, true, true])).map((each) => each.toArray())).toEqual([[1, 2]]);
    });
  });
});

describe("undefined", () => {
  test("behind a method's arguments is as if left out", () => {
    scope(() => {
      const inputs = makeInputs();
      for (const call of METHOD_CALLS.filter(([, method]) => method !== "view")) {
        const [self, ...args] = argumentsOf(call, inputs);
        expect([call, encode((self as unknown as Record<string, Method>)[call[1]]!(...args, undefined, undefined))]).toEqual([call, encode(callMethod(call, inputs))]);
      }
    });
  });

  test("takes the schema's default: by position, by name, and before options", () => {
    scope(() => {
      const x = tensor([[1, 2], [3, 5]]);
      const { aten } = dgsam.ops;
      const sums = [x.sum(undefined), x.sum({ dim: undefined } as never), aten.sum(x, undefined), aten.sum(x, { dim: undefined, keepdim: undefined } as never)];
      expect(sums.map((each) => each.item())).toEqual([11, 11, 11, 11]);
      expect([aten.add(x, x, undefined).toArray(), x.add(1, { alpha: undefined } as never).toArray()]).toEqual([[[2, 4], [6, 10]], [[2, 3], [4, 6]]]);
      expect((x.max as Method)(undefined)).toHaveProperty("shape", []);
      expect((x.softmax as Method)(0, undefined, { dtype: "float64" })).toHaveProperty("dtype", "float64");
      expectError(() => (x.sum as Method)({ dims: 1, dim: undefined }), "ERR_ARGUMENT", /there is no argument 'dims'/);
      expectError(() => (x.matmul as Method)(undefined), "ERR_ARGUMENT", /argument 'other' is missing/);
    });
  });
});

describe("methods", () => {
  test("about 200 of them, each called in these tests", () => {
    const elsewhere = new Set([
      "constructor", "dispose", "item", "toArray", "data", "toBytes", "backward", "retainGrad", "toString", "toJSON", "get", "slice", "index", "cuda",
      "toDense", "toSparse", "coalesce", "pinMemory", "isPinned", "recordStream",
      "uniform_", "normal_", "random_", "bernoulli_", "exponential_", "logNormal_", "cauchy_", "geometric_", "bernoulli", "multinomial",
    ]);
    const inPlace = new Set([...IN_PLACE_CALLS.map(([, method]) => method), ...[...calledMethods].map((method) => `${method}_`)]);
    const all = Object.getOwnPropertyNames(Tensor.prototype).filter(isMethod);
    expect(all.filter((name) => !calledMethods.has(name) && !inPlace.has(name) && !elsewhere.has(name))).toEqual([]);
    expect(all.length).toBeGreaterThan(300);
  });

  test("are not enumerable, so spreading or printing a tensor does not list them", () => {
    scope(() => {
      const names: string[] = [];
      for (const name in tensor([1])) names.push(name);
      expect(names.filter((name) => isMethod(name) && !["toBytes", "data", "item", "toArray", "backward", "retainGrad", "toString"].includes(name))).toEqual([]);
    });
  });

  test("lists of sizes may be spread", () => {
    scope(() => {
      const x = randn([2, 3, 4]);
      expect([
        x.view(6, 4).shape, x.view(-1).shape, x.reshape(4, 6).shape, x.permute(2, 0, 1).shape, x.flip(0, 1).shape,
      ]).toEqual([[6, 4], [24], [4, 6], [4, 2, 3], [2, 3, 4]]);
      expect([x.expand(5, 2, 3, 4).shape, x.repeat(1, 2, 1).shape, x.tile(2, 1, 1).shape]).toEqual([[5, 2, 3, 4], [2, 6, 4], [4, 3, 4]]);
    });
  });

  test("slices as Python does", () => {
    scope(() => {
      const x = dgsam.arange(6);
      expect([
        x.slice(0, 1, 4), x.slice(0, -2), x.slice(0, null, null, 2), x.slice(0, 4, 2), x.slice(0, 2, 100),
      ].map((each) => each.toArray())).toEqual([[1, 2, 3], [4, 5], [0, 2, 4], [], [2, 3, 4, 5]]);
      x.slice(0, 0, 2).fill_(9);
      expect(x.toArray()).toEqual([9, 9, 2, 3, 4, 5]);
    });
  });

  test("index takes index tensors, masks and null; indexPut_ writes there", () => {
    scope(() => {
      const x = dgsam.arange(6).reshape(2, 3);
      expect(x.index([tensor([1n, 0n])]).toArray()).toEqual([[3, 4, 5], [0, 1, 2]]);
      expect(x.index([null, tensor([2n, 0n])]).toArray()).toEqual([[2, 0], [5, 3]]);
      expect(x.index([x.gt(2)]).toArray()).toEqual([3, 4, 5]);
      x.indexPut_([tensor([0n]), tensor([1n])], tensor(-1));
      expect(x.toArray()).toEqual([[0, -1, 2], [3, 4, 5]]);
    });
  });

  test("iteration gives the parts along the first dimension", () => {
    scope(() => {
      const x = tensor([[1, 2], [3, 4]]);
      expect([...x].map((row) => row.toArray())).toEqual([[1, 2], [3, 4]]);
      const [first, second] = x;
      expect([first!.toArray(), second!.toArray(), x.get(-1).toArray()]).toEqual([[1, 2], [3, 4], [3, 4]]);
      expectError(() => [...tensor(1)], "ERR_SHAPE", /scalar tensor has no parts/);
      expectError(() => x.get(2), "ERR_ARGUMENT", /select/);
    });
  });

  test("bytes, sparse layouts and new tensors of the same kind", () => {
    scope(() => {
      const x = tensor([[0, 2], [3, 0]], { dtype: "float64" });
      expect([x.itemsize, x.nbytes, x.elementSize(), zeros([3], { dtype: "bool" }).nbytes, x.get(1).storageOffset()]).toEqual([8, 32, 8, 3, 2]);
      const sparse = x.toSparse();
      expect([sparse.layout, sparse.coalesce().toDense().toArray(), x.toSparse(1).layout]).toEqual(["sparse_coo", [[0, 2], [3, 0]], "sparse_coo"]);
      const made = x.newFull([2], 1, { dtype: "float32", requiresGrad: true });
      expect([made.dtype, made.requiresGrad, x.newEmpty([2]).dtype, x.newZeros([1], { device: "meta" }).device]).toEqual(["float32", true, "float64", "meta"]);
      expect(tensor([[dgsam.complex(1, 2)]]).mH.toArray()).toEqual([[{ re: 1, im: -2 }]]);
      expect([x.resize_(1, 2).shape, x.toArray()]).toEqual([[1, 2], [[0, 2]]]);
      expectError(() => x.newZeros(2 as never), "ERR_ARGUMENT", /^newZeros\(shape\): expected an array of sizes, as in newZeros\(\[2, 3\]\), got the number 2$/);
      expectError(() => x.newOnes([2], { dtyp: 1 } as never), "ERR_ARGUMENT", /^newOnes: unknown option 'dtyp'; the options are dtype, device, requiresGrad$/);
      expectError(() => x.stride(2), "ERR_SHAPE", /^stride\(dim\): expected a dimension from -2 to 1 of shape \[1, 2\], got 2$/);
      expectError(() => x.stride("a" as never), "ERR_ARGUMENT", /^stride\(dim\): expected an integer, got the string "a"$/);
      expectError(() => x.isNonzero(), "ERR_SHAPE", /Boolean value of Tensor with more than one value is ambiguous/);
      expectError(() => x.uniqueConsecutive({ returnCounts: true } as never), "ERR_ARGUMENT", /^uniqueConsecutive: unknown option 'returnCounts'; the options are dim$/);
      expectError(() => rand([2], { requiresGrad: true }).resize_([4]), "ERR_NATIVE", /cannot resize variables that require grad/);
    });
  });

  test("T and mT are transposed views", () => {
    scope(() => {
      const x = randn([2, 3]);
      expect([x.T.shape, x.mT.shape, randn([4, 2, 3]).mT.shape]).toEqual([[3, 2], [3, 2], [4, 3, 2]]);
      x.T.zero_();
      expect(x.abs().sum().item()).toBe(0);
      expectError(() => tensor([1]).mT, "ERR_SHAPE", /^aten::mT\.default: tensor\.mT is only supported on matrices or batches of matrices\. Got 1-D tensor/);
    });
  });

  test("size gives the shape or one size", () => {
    scope(() => {
      const x = randn([2, 3]);
      expect([x.size(), x.size(1), x.size(-2)]).toEqual([[2, 3], 3, 2]);
      expectError(() => x.size(2), "ERR_SHAPE", /^size\(dim\): expected a dimension from -2 to 1 of shape \[2, 3\], got 2$/);
      for (const dim of [0.5, "a", null]) expectError(() => x.size(dim as never), "ERR_ARGUMENT", /^size\(dim\): expected an integer, got /);
    });
  });

  test("multinomial refuses counts and weights that are none", () => {
    scope(() => {
      expectError(() => tensor([1, 2]).multinomial(0), "ERR_ARGUMENT", /cannot sample n_sample <= 0 samples/);
      expectError(() => tensor([1, NaN]).multinomial(1), "ERR_ARGUMENT", /probability tensor contains either/);
    });
  });

  test("norm refuses options and orders that there are not", () => {
    scope(() => {
      expectError(() => randn([2, 2]).norm({ dims: 0 } as never), "ERR_ARGUMENT", /^norm: unknown option 'dims'; the options are p, dim, keepdim, dtype$/);
      expectError(() => randn([2, 2]).norm("two" as never), "ERR_ARGUMENT", /linalg_matrix_norm/);
      expectError(() => tensor([1]).norm("nuc"), "ERR_SHAPE", /linalg_matrix_norm/);
    });
  });

  test("unique refuses options that there are not", () => {
    scope(() => {
      expectError(() => tensor([1]).unique({ returnCounts: true } as never), "ERR_ARGUMENT", /^unique: unknown option 'returnCounts'; the options are dim, sorted$/);
      expectError(() => tensor([1]).unique(null as never), "ERR_ARGUMENT", /^unique: options: expected an object .*, got null$/);
    });
  });

  test("called on anything but a tensor are DgsamErrors", () => {
    for (const name of ["item", "toArray", "data", "toBytes", "size", "isComplex", "isFloatingPoint"] as const)
      expectError(() => Tensor.prototype[name].call({} as never), "ERR_ARGUMENT", new RegExp(`^${name}\\(\\): this: expected a Tensor, got an object`));
  });

  test("unique frees what it does not return", () => {
    scope(() => {
      const x = tensor([3, 1, 3]);
      const { handles } = memoryStats();
      expect(x.unique().toArray()).toEqual([1, 3]);
      expect(memoryStats().handles).toBe(handles + 1);
    });
  });

  test("an in-place form of a leaf that requires a gradient is refused outside noGrad", () => {
    scope(() => {
      const x = rand([2], { requiresGrad: true });
      expectError(() => x.add_(1), "ERR_NATIVE", /^aten::add_\.Tensor: a leaf Variable that requires grad is being used in an in-place operation/);
      dgsam.noGrad(() => x.add_(1));
    });
  });
});

describe("to", () => {
  test("takes a dtype, a device, both, a tensor or options", () => {
    scope(() => {
      const x = tensor([1.5, 2]);
      const double = tensor([1], { dtype: "float64" });
      expect([x.to("float64"), x.to("cpu"), x.to("cpu", "int64"), x.to(double), x.to({ dtype: "float16" }), x.to({})].map(({ dtype }) => dtype)).toEqual(
        ["float64", "float32", "int64", "float64", "float16", "float32"]);
      expect(x.to("meta").device).toBe("meta");
      expect(randn([1, 2, 3, 4]).to({ memoryFormat: "channels_last" }).isContiguous("channels_last")).toBe(true);
    });
  });

  test("isContiguous says what LibTorch's own operator says, of any strides", () => {
    scope(() => {
      for (const shape of [[], [3], [0], [2, 3], [2, 1, 3], [2, 3, 4, 5], [1, 3, 1, 5], [2, 1, 4, 1], [0, 3, 2, 2], [2, 0, 1, 2], [2, 3, 2, 3, 2], [2, 1, 1, 2, 3]]) {
        const x = zeros(shape);
        const forms = [x, x.clone().permute(shape.map((_, i) => shape.length - 1 - i)), ...(shape.length > 1 ? [x.transpose(0, 1), x.transpose(-1, -2)] : [])];
        if (shape.length === 4) forms.push(x.to({ memoryFormat: "channels_last" }));
        if (shape.length === 5) forms.push(x.to({ memoryFormat: "channels_last_3d" }));
        for (const each of forms)
          for (const format of ["contiguous_format", "channels_last", "channels_last_3d"] as const)
            expect(each.isContiguous(format), `${each.shape} ${each.strides} ${format}`).toBe(ops.aten["is_contiguous.memory_format"](each, format));
      }
      expectError(() => zeros([1]).isContiguous("rows" as never), "ERR_ARGUMENT", /isContiguous\(memoryFormat\): expected one of contiguous_format, /);
    });
  });

  test("channels_last: strides and values; what lies so already is shared; other ranks are refused", () => {
    scope(() => {
      const x = randn([2, 3, 4, 5]);
      const last = x.to({ memoryFormat: "channels_last", nonBlocking: true });
      expect(last.strides).toEqual([60, 1, 15, 3]);
      expect(last.toArray()).toEqual(x.toArray());
      expect(last.to({ memoryFormat: "channels_last" }).fill_(0).equal(last)).toBe(true);
      expect(last.add(1).strides).toEqual([60, 1, 15, 3]);
      expect(last.to({ memoryFormat: "contiguous_format" }).strides).toEqual([60, 20, 5, 1]);
      expect(randn([2, 3, 4, 5, 6]).to("float64", { memoryFormat: "channels_last_3d" }).strides).toEqual([360, 1, 90, 18, 3]);
      expectError(() => randn([2, 3]).to({ memoryFormat: "channels_last" }), "ERR_SHAPE", /rank 4/);
    });
  });

  test("shares memory when nothing changes, and copies when told to", () => {
    scope(() => {
      const x = tensor([1, 2]);
      x.to("float32").zero_();
      expect(x.toArray()).toEqual([0, 0]);
      x.to({ copy: true }).fill_(1);
      x.to("float32", { copy: true }).fill_(1);
      expect(x.toArray()).toEqual([0, 0]);
    });
  });

  test("is differentiable", () => {
    scope(() => {
      const x = tensor([1, 2], { requiresGrad: true });
      x.to("float64").mul(3).sum().backward();
      expect([x.grad!.dtype, x.grad!.toArray()]).toEqual(["float32", [3, 3]]);
    });
  });

  test("refuses what is neither", () => {
    scope(() => {
      const x = tensor([1]);
      expectError(() => x.to(3 as never), "ERR_ARGUMENT", /^to\(\.\.\.\): expected a dtype, a device, a Tensor or options, got the number 3$/);
      expectError(() => x.to("float33!"), "ERR_ARGUMENT", /argument 'device': expected a device such as "cpu" or "cuda:0", or null, got the string "float33!"/);
      expectError(() => x.to({ dtype: "float33" as never }), "ERR_ARGUMENT", /argument 'dtype'/);
      expectError(() => x.to({ dtyp: "float64" } as never), "ERR_ARGUMENT", /^to: unknown option 'dtyp'; the options are dtype, device, copy, nonBlocking, memoryFormat$/);
      expectError(() => x.to("float64", { foo: 1 } as never), "ERR_ARGUMENT", /^to: unknown option 'foo'; the options are device, copy, nonBlocking, memoryFormat$/);
      expectError(() => x.to("float64", null as never), "ERR_ARGUMENT", /^to: options: expected an object .*, got null$/);
      expectError(() => x.type("cpu" as never), "ERR_ARGUMENT", /^type\(dtype\): expected a dtype such as "float32", got the string "cpu"$/);
    });
  });
});
