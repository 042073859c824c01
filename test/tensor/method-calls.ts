/**
 * One call or more of each method that is an operator, with inputs by name: `"$a"` is the input `a`. The same list is
 * called here and, in Python's spelling, in PyTorch.
 */
import { manualSeed, randint, randn, tensor, type Tensor } from "dgsam";

export type Argument = number | string | boolean | null | readonly Argument[] | { readonly [name: string]: Argument };
export type MethodCall = readonly [self: string, method: string, ...args: Argument[]];

export function makeInputs(): Record<string, Tensor> {
  manualSeed(11);
  const square = randn([3, 3]);
  return {
    a: randn([2, 3]), b: randn([2, 3]), c: randn([2, 3]).abs().add(0.1), u: randn([2, 3]).sigmoid(),
    n: tensor([[1, NaN, Infinity], [-Infinity, 0, -2]]),
    i: randint(-9, 9, [2, 3]), j: randint(1, 9, [2, 3]), m: tensor([[true, false, true], [false, false, true]]),
    k: tensor([[true, true, false], [false, true, true]]),
    z: randn([2, 3], { dtype: "complex64" }), row: randn([3]), column: randn([2]), idx: tensor([[0n, 1n, 0n], [1n, 0n, 1n]]), at: tensor([1n, 0n]),
    at3: tensor([2n, 0n]),
    square, spd: square.matmul(square.t()).add(tensor([[2, 0, 0], [0, 2, 0], [0, 0, 2]])), batch: randn([2, 2, 3]), batch2: randn([2, 3, 2]),
    wide: randn([3, 2]), out22: randn([2, 2]), out222: randn([2, 2, 2]),
    one: randn([1, 3, 1]), cube: randn([2, 3, 4]), sorted: tensor([-1, 0, 1]), counts: tensor([0n, 2n, 2n, 5n]), weights: tensor([0.1, 0.2, 0.7]),
    rows: randn([2, 2]), alone: tensor([3]), half: tensor([0.5], { dtype: "float64" }), pairs: randn([3, 2]),
    i32: randint(-9, 9, [2, 3], { dtype: "int32" }), scalar: tensor(0.25), one1: tensor([2]),
  };
}

const unary = (self: string, ...methods: string[]): MethodCall[] => methods.map((method) => [self, method]);

export const METHOD_CALLS: readonly MethodCall[] = [
  // arithmetic
  ...["add", "sub", "rsub", "mul", "div", "floorDivide", "remainder", "fmod"].flatMap((method): MethodCall[] => [
    ["$a", method, method === "rsub" ? 2 : "$b"], ["$i", method, 3], ["$a", method, 2.5],
  ]),
  ["$a", "add", "$row"], ["$a", "add", "$b", { alpha: 2 }], ["$i", "add", "$j", { alpha: 3 }], ["$i", "sub", "$a", { alpha: 0.5 }],
  ["$a", "rsub", "$b", { alpha: 2 }], ["$z", "mul", "$a"], ["$i", "mul", "$m"],
  ["$a", "div", "$b", { roundingMode: "floor" }], ["$a", "div", 0.3, { roundingMode: "trunc" }], ["$i", "div", "$j"],
  ["$i", "div", "$j", { roundingMode: "trunc" }], ["$i", "div", "$j", { roundingMode: null }],
  ["$c", "pow", "$b"], ["$a", "pow", 2], ["$c", "pow", 0.5], ["$j", "pow", 2], ["$a", "addcmul", "$b", "$c"],
  ["$a", "addcmul", "$b", "$c", { value: 0.5 }], ["$a", "addcdiv", "$b", "$c"], ["$a", "addcdiv", "$b", "$c", { value: 2 }],
  ["$a", "lerp", "$b", 0.3], ["$a", "lerp", "$b", "$c"], ["$n", "maximum", "$a"], ["$n", "minimum", "$a"], ["$n", "fmax", "$a"],
  ["$n", "fmin", "$a"], ["$a", "atan2", "$b"], ["$a", "hypot", "$b"],
  ["$a", "logaddexp", "$b"], ["$a", "logaddexp2", "$b"], ["$a", "copysign", "$b"], ["$a", "copysign", -1], ["$a", "xlogy", "$c"], ["$c", "xlogy", 2],
  ["$n", "heaviside", "$alone"], ["$i", "gcd", "$j"], ["$i", "lcm", "$j"],
  // aliases
  ...unary("$a", "absolute", "negative"), ["$a", "subtract", "$b", { alpha: 2 }], ["$i", "multiply", 3], ["$a", "divide", 0.3, { roundingMode: "trunc" }],
  ["$i", "trueDivide", 2], ["$a", "clip", -0.5, 0.5], ["$a", "clip", { max: 0 }], ["$cube", "moveaxis", 0, 2], ["$cube", "swapdims", 0, 2],
  ...["greater", "greaterEqual", "less", "lessEqual", "notEqual"].map((method): MethodCall => ["$a", method, "$b"]),
  // special
  ["$a", "clampMin", 0], ["$a", "clampMin", "$row"], ["$i", "clampMax", 2], ["$a", "floatPower", 2], ["$i", "floatPower", "$j"], ["$a", "ldexp", "$j"],
  ["$a", "frexp"], ["$a", "nextafter", "$b"], ["$c", "polygamma", 1], ["$a", "renorm", 2, 0, 0.5],
  // storage
  ["$cube", "dim"], ["$cube", "stride"], ["$cube", "stride", -2], ["$cube", "storageOffset"], ["$z", "elementSize"], ["$one1", "isNonzero"],
  ["$a", "newZeros", [2]], ["$i", "newOnes", [2, 1]], ["$a", "newFull", [2], 3], ["$a", "newFull", [2], 3, { dtype: "int32" }], ["$m", "newEmpty", [0, 2]],
  ["$a", "tolist"], ["$i32", "tolist"],
  // pointwise
  ...unary("$a", "neg", "sgn", "sign", "square", "floor", "ceil", "trunc", "frac", "abs", "round", "positive", "reciprocal", "exp", "exp2", "expm1", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "asinh",
    "sinc", "erf", "erfc", "digamma", "lgamma", "i0", "deg2rad", "rad2deg", "sigmoid", "angle", "real"),
  ...unary("$u", "asin", "acos", "atanh", "erfinv", "logit", "log", "log2", "log10", "log1p", "sqrt", "rsqrt"),
  ...unary("$j", "acosh", "exp", "sqrt", "neg", "abs", "sin", "log"), ...unary("$z", "abs", "angle", "real", "imag", "conj", "exp", "sgn"),
  ["$a", "round", { decimals: 2 }], ["$a", "logit", 0.1], ["$a", "clamp", -0.5, 0.5], ["$a", "clamp", null, 0.5], ["$a", "clamp", { min: 0 }],
  ["$a", "clamp", "$b", "$c"], ["$i", "clamp", 0], ["$n", "nanToNum"], ["$n", "nanToNum", 1, 2, 3],
  // comparison
  ...["eq", "ne", "lt", "le", "gt", "ge"].flatMap((method): MethodCall[] => [["$a", method, "$b"], ["$i", method, 2], ["$n", method, 0.5]]),
  ["$a", "isclose", "$a"], ["$a", "isclose", "$b", 0.5, 0.5], ["$n", "isclose", "$n", 0.1, 0.1, true], ["$a", "allclose", "$a"],
  ["$a", "allclose", "$b"], ["$a", "equal", "$a"], ["$a", "equal", "$row"],
  ...unary("$n", "isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "logicalNot"), ...unary("$z", "isreal"),
  ...["logicalAnd", "logicalOr", "logicalXor"].map((method): MethodCall => ["$m", method, "$k"]),
  ...["bitwiseAnd", "bitwiseOr", "bitwiseXor"].flatMap((method): MethodCall[] => [["$i", method, "$j"], ["$m", method, "$k"], ["$i", method, 5]]),
  ["$i", "bitwiseNot"], ["$m", "bitwiseNot"], ["$i", "bitwiseLeftShift", 2], ["$i", "bitwiseRightShift", "$j"],
  // reduction
  ...["sum", "mean", "nansum", "nanmean"].flatMap((method): MethodCall[] => [
    ["$a", method], ["$a", method, 0], ["$a", method, -1, true], ["$cube", method, [0, 2]], ["$a", method, { dim: 1, keepdim: true }],
    ["$a", method, 1, false, { dtype: "float64" }], ["$a", method, { dtype: "float64" }],
  ]),
  ["$i", "sum"], ["$m", "sum"], ["$i", "sum", null, true], ["$a", "prod"], ["$a", "prod", 1], ["$i", "prod", 0, true],
  ["$a", "prod", { dtype: "float64" }],
  ...["std", "var"].flatMap((method): MethodCall[] => [
    ["$a", method], ["$a", method, 1], ["$a", method, [0, 1], { keepdim: true, correction: 0 }], ["$a", method, { dim: 0, correction: 0 }],
    ["$a", method, { unbiased: false }], ["$a", method, 0, { unbiased: false }], ["$a", method, false], ["$a", method, 0, false],
    ["$a", method, 0, true, true], ["$a", method, null, { keepdim: true }], ["$a", method, { dim: 0, keepdim: true }], ["$z", method],
  ]),
  ...["max", "min"].flatMap((method): MethodCall[] => [
    ["$a", method], ["$a", method, 1], ["$a", method, 0, true], ["$a", method, "$b"], ["$a", method, { dim: 1 }], ["$n", method],
  ]),
  ...["amax", "amin"].flatMap((method): MethodCall[] => [["$a", method], ["$a", method, 1], ["$cube", method, [0, 1], true]]), ["$a", "aminmax"],
  ["$a", "aminmax", { dim: 1, keepdim: true }],
  ...["argmax", "argmin"].flatMap((method): MethodCall[] => [["$a", method], ["$a", method, 1], ["$a", method, 1, true]]),
  ...["all", "any"].flatMap((method): MethodCall[] => [["$m", method], ["$m", method, 1], ["$i", method, 0, true], ["$m", method, [0, 1]]]),
  ["$a", "norm"], ["$a", "norm", 1], ["$a", "norm", 2, 1], ["$a", "norm", 3, [0, 1], true], ["$a", "norm", { dim: 0 }],
  ["$a", "norm", "fro"], ["$a", "norm", "fro", [0, 1]], ["$a", "norm", "fro", 1, true], ["$a", "norm", "nuc"], ["$cube", "norm", "nuc", [0, 2]],
  ["$a", "norm", 2, 0, { dtype: "float64" }], ["$a", "norm", { p: 1, dim: [0], keepdim: true }], ["$z", "norm"], ["$a", "dist", "$b"], ["$a", "dist", "$b", 1],
  ["$a", "logsumexp", 1], ["$cube", "logsumexp", [0, 1], true],
  ["$a", "median"], ["$a", "median", 1], ["$n", "nanmedian"], ["$n", "nanmedian", 1, true], ["$i", "mode"], ["$i", "mode", 0],
  ["$a", "quantile", 0.4], ["$a", "quantile", 0.4, 1, true], ["$a", "quantile", 0.3, { dim: 1, interpolation: "nearest" }],
  ["$a", "quantile", "$weights"], ["$n", "nanquantile", 0.5], ["$i", "countNonzero"], ["$i", "countNonzero", 1],
  // scan
  ...["cumsum", "cumprod"].flatMap((method): MethodCall[] => [["$a", method, 1], ["$i", method, 0], ["$a", method, 1, { dtype: "float64" }]]),
  ["$a", "cummax", 1], ["$a", "cummin", 0], ["$a", "logcumsumexp", 1], ["$a", "diff"], ["$cube", "diff", 2, 1],
  ["$a", "sort"], ["$a", "sort", 0, true], ["$i", "sort", { stable: true, dim: 1, descending: true }], ["$a", "argsort"], ["$a", "argsort", 0, true],
  ["$a", "topk", 2], ["$a", "topk", 1, 0, false], ["$a", "kthvalue", 2], ["$a", "kthvalue", 1, 0, true],
  ["$counts", "bincount"], ["$counts", "bincount", { minlength: 8 }], ["$a", "histc", 4], ["$a", "histc", 4, -1, 1], ["$i", "unique"],
  ["$i", "unique", { dim: 1 }],
  ["$a", "cumsum", { dim: 0 }], ["$a", "diff", { n: 1, dim: 0 }],
  // shape
  ["$a", "roll", { shifts: 1, dims: 0 }], ["$a", "repeatInterleave", { repeats: 2, dim: 1 }], ["$a", "tril", { diagonal: 1 }], ["$a", "rot90", { k: 3 }], ["$row", "diag", { diagonal: 1 }],
  ["$cube", "movedim", { source: 0, destination: 2 }], ["$a", "unsqueeze", { dim: 1 }],
  ["$cube", "view", [6, 4]], ["$cube", "view", [-1]], ["$a", "view", "int32"], ["$cube", "reshape", [4, -1]], ["$cube", "viewAs", "$cube"],
  ["$a", "reshapeAs", "$wide"], ["$cube", "permute", [2, 0, 1]], ["$cube", "transpose", 0, 2], ["$a", "t"], ["$z", "adjoint"],
  ["$cube", "flatten"], ["$cube", "flatten", 1], ["$cube", "flatten", 0, 1], ["$cube", "unflatten", 2, [2, 2]], ["$cube", "ravel"],
  ["$one", "squeeze"], ["$one", "squeeze", 0], ["$one", "squeeze", [0, 2]], ["$a", "unsqueeze", 1], ["$one", "expand", [4, 3, 2]],
  ["$row", "expandAs", "$a"], ["$row", "broadcastTo", [2, 3]], ["$a", "repeat", [2, 1, 2]], ["$a", "tile", [2]], ["$a", "repeatInterleave", 2],
  ["$a", "repeatInterleave", 2, 1], ["$a", "repeatInterleave", "$at", 0], ["$cube", "movedim", 0, 2], ["$cube", "movedim", [0, 1], [2, 0]],
  ["$a", "swapaxes", 0, 1], ["$cube", "flip", [0, 2]], ["$a", "fliplr"], ["$a", "flipud"], ["$a", "roll", 1], ["$a", "roll", [1, 2], [0, 1]],
  ["$a", "rot90"], ["$a", "rot90", 2, [1, 0]], ["$a", "tril"], ["$a", "triu", 1], ["$row", "diag"], ["$square", "diag", 1],
  ["$cube", "diagonal"], ["$cube", "diagonal", 1, 1, 2], ["$cube", "diagonal", { offset: -1, dim1: 0, dim2: 2 }], ["$a", "diagEmbed"],
  ["$a", "diagEmbed", { offset: 1, dim1: 0, dim2: 2 }], ["$cube", "unfold", 2, 2, 1], ["$a", "asStrided", [2, 2], [1, 2], 1], ["$cube", "size"],
  // indexing
  ["$cube", "select", 1, 2], ["$cube", "select", 2, -1], ["$cube", "narrow", 2, 1, 2], ["$cube", "chunk", 2, 2], ["$cube", "split", 3, 2],
  ["$cube", "split", [1, 3], 2], ["$cube", "tensorSplit", 3, 2], ["$cube", "tensorSplit", [1, 2], 2],
  ["$cube", "unbind"], ["$cube", "unbind", 1], ["$a", "indexSelect", 1, "$at3"], ["$a", "take", "$at3"], ["$a", "takeAlongDim", "$idx", 1],
  ["$a", "takeAlongDim", "$at3"], ["$a", "gather", 1, "$idx"], ["$a", "gather", 0, "$idx"], ["$a", "scatter", 0, "$idx", "$b"],
  ["$a", "scatter", 1, "$idx", 5],
  ["$a", "scatter", 0, "$idx", "$b", { reduce: "multiply" }], ["$a", "scatterAdd", 1, "$idx", "$b"],
  ["$a", "scatterReduce", 1, "$idx", "$b", "amax"], ["$a", "scatterReduce", 1, "$idx", "$b", "mean", { includeSelf: false }],
  ["$a", "indexAdd", 0, "$at", "$b"], ["$a", "indexAdd", 0, "$at", "$b", { alpha: 2 }],
  ["$a", "indexCopy", 0, "$at", "$b"], ["$a", "indexFill", 1, "$at3", 7], ["$a", "indexPut", ["$at", "$at3"], "$column"],
  ["$a", "indexPut", ["$at"], "$row", true], ["$a", "maskedFill", "$m", -1], ["$a", "maskedFill", "$m", "$scalar"], ["$a", "maskedSelect", "$m"],
  ["$a", "maskedScatter", "$m", "$b"],
  ["$i", "nonzero"], ["$m", "argwhere"], ["$a", "put", "$at3", "$column"], ["$a", "put", "$at3", "$column", true], ["$a", "where", "$m", "$b"],
  ["$a", "where", "$m", 0],
  ["$a", "gather", { dim: 1, index: "$idx" }], ["$cube", "split", 3, { dim: 2 }], ["$cube", "chunk", 2, { dim: 2 }],
  ["$cube", "select", { dim: 1, index: 2 }], ["$cube", "narrow", { dim: 2, start: 1, length: 2 }], ["$cube", "unbind", { dim: 1 }],
  ["$a", "indexPut", ["$at"], "$row", { accumulate: true }], ["$a", "indexSelect", { dim: 1, index: "$at3" }],
  ["$a", "hsplit", 3], ["$a", "hsplit", [1]], ["$cube", "vsplit", 2], ["$cube", "dsplit", [1, 3]], ["$cube", "splitWithSizes", [1, 3], 2],
  ["$cube", "splitWithSizes", [1, 2], { dim: 1 }], ["$a", "selectScatter", "$row", 0, 1], ["$wide", "sliceScatter", "$rows", 0, 1, 3],
  ["$a", "sliceScatter", "$b", { dim: 1, step: 1 }], ["$a", "indexReduce", 0, "$at", "$b", "amax"],
  ["$a", "indexReduce", 0, "$at", "$b", "mean", { includeSelf: false }], ["$a", "diagflat"], ["$row", "diagflat", { offset: 1 }],
  ["$cube", "sumToSize", [3, 1]], ["$counts", "uniqueConsecutive"],
  // linear algebra
  ["$a", "matmul", "$row"], ["$batch", "matmul", "$batch2"], ["$a", "mm", "$wide"], ["$batch", "bmm", "$batch2"], ["$a", "mv", "$row"],
  ["$row", "dot", "$row"], ["$row", "vdot", "$row"], ["$a", "inner", "$b"], ["$row", "outer", "$column"],
  ["$out22", "addmm", "$a", "$wide"], ["$out22", "addmm", "$a", "$wide", { beta: 0.5, alpha: 2 }], ["$column", "addmv", "$a", "$row"],
  ["$wide", "addr", "$row", "$column", { beta: 2 }], ["$out222", "baddbmm", "$batch", "$batch2"],
  ["$out22", "addbmm", "$batch", "$batch2", { alpha: 0.5 }],
  ["$a", "kron", "$wide"], ["$a", "cross", "$b", 1], ["$square", "trace"], ["$i", "trace"], ["$square", "det"], ["$spd", "logdet"],
  ["$square", "slogdet"], ["$a", "svd"], ["$a", "svd", { some: false }], ["$wide", "qr"], ["$wide", "qr", false], ["$square", "inverse"], ["$a", "pinverse"], ["$spd", "cholesky"], ["$spd", "cholesky", true], ["$square", "matrixPower", 3],
  ["$square", "matrixPower", -1],
  ["$square", "matrixExp"], ["$a", "cov"], ["$a", "cov", { correction: 0 }], ["$a", "corrcoef"],
  // activation
  ...unary("$a", "relu", "relu6", "silu", "mish", "selu", "hardswish", "hardsigmoid", "logSigmoid", "gelu", "elu", "celu", "leakyRelu", "hardtanh", "softplus", "softshrink", "hardshrink"),
  ["$a", "gelu", { approximate: "tanh" }], ["$a", "elu", 0.5], ["$a", "celu", 0.5], ["$a", "leakyRelu", 0.2], ["$a", "prelu", "$alone"],
  ["$a", "hardtanh", -0.2, 0.3], ["$a", "softplus", 2, 1], ["$a", "softshrink", 0.1], ["$a", "hardshrink", 0.1], ["$a", "threshold", 0.1, 9],
  ["$cube", "glu"], ["$cube", "glu", 2], ["$a", "softmax", 1], ["$a", "softmax", -2, { dtype: "float64" }], ["$a", "logSoftmax", 1],
  ["$a", "dropout", 0.5, false],
  ["$a", "softmax", { dim: 1 }], ["$a", "leakyRelu", { negativeSlope: 0.2 }], ["$a", "elu", { alpha: 0.5 }], ["$a", "softplus", { beta: 2 }],
  ["$a", "hardtanh", { minVal: 0 }], ["$cube", "glu", { dim: 2 }], ["$a", "isclose", "$b", { rtol: 0.5, atol: 0.5 }], ["$a", "allclose", "$b", { rtol: 9, atol: 9 }],
  ["$u", "logit", { eps: 0.1 }], ["$n", "nanToNum", { posinf: 2 }], ["$a", "countNonzero", { dim: 1 }],
  // conversion
  ["$a", "to", "float64"], ["$a", "to", "cpu"], ["$a", "to", "$half"], ["$a", "type", "int32"], ["$a", "clone"], ["$cube", "contiguous"],
  ["$a", "isContiguous"], ["$a", "isFloatingPoint"], ["$z", "isFloatingPoint"], ["$z", "isComplex"], ["$a", "detach"],
  ...unary("$a", "float", "double", "half", "bfloat16", "int", "long", "bool", "cpu", "short", "char"), ["$a", "typeAs", "$i"], ...unary("$j", "byte"), ["$pairs", "viewAsComplex"],
  ["$z", "viewAsReal"],
];

/** In-place methods whose calls differ from those of the plain method with its name. */
export const IN_PLACE_CALLS: readonly MethodCall[] = [
  ["$a", "fill_", 3], ["$a", "fill_", "$scalar"], ["$a", "zero_"], ["$a", "copy_", "$b"], ["$a", "copy_", "$row"], ["$i", "copy_", "$a"],
  ["$square", "fillDiagonal_", 4], ["$a", "resize_", [2, 2]], ["$wide", "fillDiagonal_", 4, true], ["$a", "detach_"], ["$a", "requiresGrad_"],
];
