/**
 * Every public function of the room with values of every wrong kind in every place. Some kinds happen to be right there;
 * what is refused is a DgsamError, never a TypeError from inside.
 */
import * as dgsam from "dgsam";
import { DgsamError, init, Linear, Module, ones, Sequential, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { refusedKinds } from "../refused-kinds.js";

const KINDS: Record<string, () => unknown> = {
  null: () => null,
  undefined: () => undefined,
  "a number": () => 5,
  NaN: () => NaN,
  "a bigint": () => 1n,
  "a string": () => "x",
  "a boolean": () => true,
  "an empty array": () => [],
  "an array": () => [1, null],
  "an empty object": () => ({}),
  "an object with an unknown key": () => ({ unknown: 1 }),
  "an object without a prototype": () => Object.assign(Object.create(null), { unknown: 1 }),
  "a Map": () => new Map([["bias", 1]]),
  "a symbol": () => Symbol("s"),
  "a function": () => () => 1,
  "a Tensor": () => ones([2]),
  "an int64 Tensor": () => tensor([1n]),
  "a Module": () => new Linear(1, 1),
};

const x = () => ones([2, 3]);
const layers: Record<string, () => Module> = {
  Linear: () => new dgsam.Linear(3, 2),
  Conv2d: () => new dgsam.Conv2d(1, 1, 1),
  "Conv2d, padding by mode": () => new dgsam.Conv2d(1, 1, 3, { padding: 1, paddingMode: "reflect" }),
  MaxPool2d: () => new dgsam.MaxPool2d(2),
  "MaxPool2d with indices": () => new dgsam.MaxPool2d(2, { returnIndices: true }),
  AvgPool2d: () => new dgsam.AvgPool2d(2),
  AdaptiveAvgPool2d: () => new dgsam.AdaptiveAvgPool2d([1, null]),
  BatchNorm1d: () => new dgsam.BatchNorm1d(3),
  BatchNorm2d: () => new dgsam.BatchNorm2d(3),
  GroupNorm: () => new dgsam.GroupNorm(1, 3),
  LayerNorm: () => new dgsam.LayerNorm(3),
  Embedding: () => new dgsam.Embedding(3, 2),
  "Embedding with a norm": () => new dgsam.Embedding(3, 2, { maxNorm: 1 }),
  ReLU: () => new dgsam.ReLU(),
  "ReLU in place": () => new dgsam.ReLU({ inplace: true }),
  GELU: () => new dgsam.GELU(),
  Tanh: () => new dgsam.Tanh(),
  Sigmoid: () => new dgsam.Sigmoid(),
  Dropout: () => new dgsam.Dropout(),
  "Dropout in evaluation": () => new dgsam.Dropout().eval(),
  Flatten: () => new dgsam.Flatten(),
  Sequential: () => new Sequential(new Linear(3, 2)),
  CrossEntropyLoss: () => new dgsam.CrossEntropyLoss(),
  NLLLoss: () => new dgsam.NLLLoss(),
  MSELoss: () => new dgsam.MSELoss(),
  L1Loss: () => new dgsam.L1Loss(),
  SmoothL1Loss: () => new dgsam.SmoothL1Loss(),
  BCEWithLogitsLoss: () => new dgsam.BCEWithLogitsLoss(),
};

type Call = (...args: never[]) => unknown;
/** A function, and arguments that it takes. */
type Row = [name: string, call: Call, good: () => unknown[]];
const construct = (name: string, ...good: unknown[]): Row =>
  [`new ${name}`, (...args) => new (dgsam as unknown as Record<string, new (...args: unknown[]) => unknown>)[name]!(...args), () => good];
const method = (make: () => object, name: string, ...good: unknown[]): Row =>
  [name, (...args) => (make() as Record<string, Call>)[name]!(...args), () => good];
const loss = (name: string): Row => [name, (dgsam as unknown as Record<string, Call>)[name]!, () => [x(), name === "crossEntropy" || name === "nllLoss" ? tensor([0n, 1n]) : x(), {}]];
const initialise = (name: string, ...good: unknown[]): Row => [`init.${name}`, (init as unknown as Record<string, Call>)[name]!, () => [x(), ...good]];
const net = () => new Linear(2, 2);

const ROWS: Row[] = [
  ...Object.entries(layers).map(([name, make]): Row => [`${name}.forward`, (...args) => (make().forward as Call)(...args), () => (name.includes("Loss") ? [x(), x()] : [x()])]),
  construct("Linear", 1, 1, {}), construct("Conv2d", 1, 1, 1, {}), construct("MaxPool2d", 2, {}), construct("AvgPool2d", 2, {}),
  construct("AdaptiveAvgPool2d", 1), construct("BatchNorm1d", 1, {}), construct("BatchNorm2d", 1, {}), construct("GroupNorm", 1, 1, {}),
  construct("LayerNorm", 1, {}), construct("Embedding", 2, 2, {}), construct("ReLU", {}), construct("GELU", {}), construct("Dropout", 0.5, {}),
  construct("Flatten", 1, -1), construct("Sequential", new Linear(1, 1)), construct("Parameter", ones([1]), {}), construct("Buffer", ones([1]), {}),
  ...["CrossEntropyLoss", "NLLLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "BCEWithLogitsLoss"].map((name) => construct(name, {})),
  ...["crossEntropy", "nllLoss", "mseLoss", "l1Loss", "smoothL1Loss", "binaryCrossEntropyWithLogits"].map(loss),
  initialise("uniform_", 0, 1, {}), initialise("normal_", 0, 1, {}), initialise("constant_", 1), initialise("zeros_"), initialise("ones_"),
  initialise("kaimingUniform_", {}), initialise("kaimingNormal_", {}), initialise("xavierUniform_", {}), initialise("xavierNormal_", {}),
  initialise("calculateFanInAndFanOut"), ["init.calculateGain", init.calculateGain as Call, () => ["leaky_relu", 1]],
  method(net, "train", true), method(net, "setRunningStats", "hold"), method(net, "requiresGrad_", true), method(net, "zeroGrad", true),
  method(net, "to", "cpu"), method(net, "loadStateDict", net().stateDict(), {}),
];

/** Options with a known key each, to be given every kind. */
const OPTIONS: Record<string, [call: (options: never) => unknown, keys: string[]]> = {
  Linear: [(options) => new dgsam.Linear(1, 1, options), ["bias", "dtype", "device"]],
  Conv2d: [(options) => new dgsam.Conv2d(2, 2, 1, options), ["stride", "padding", "dilation", "groups", "bias", "paddingMode"]],
  MaxPool2d: [(options) => new dgsam.MaxPool2d(2, options), ["stride", "padding", "dilation", "ceilMode", "returnIndices"]],
  AvgPool2d: [(options) => new dgsam.AvgPool2d(2, options), ["stride", "padding", "ceilMode", "countIncludePad", "divisorOverride"]],
  BatchNorm1d: [(options) => new dgsam.BatchNorm1d(2, options), ["eps", "momentum", "affine", "bias", "trackRunningStats", "frozen"]],
  GroupNorm: [(options) => new dgsam.GroupNorm(1, 2, options), ["eps", "affine", "bias"]],
  LayerNorm: [(options) => new dgsam.LayerNorm(2, options), ["eps", "elementwiseAffine", "bias"]],
  Embedding: [(options) => new dgsam.Embedding(3, 2, options), ["paddingIdx", "maxNorm", "normType", "scaleGradByFreq", "sparse"]],
  ReLU: [(options) => new dgsam.ReLU(options), ["inplace"]],
  GELU: [(options) => new dgsam.GELU(options), ["approximate"]],
  Dropout: [(options) => new dgsam.Dropout(0.5, options), ["inplace"]],
  Parameter: [(options) => new dgsam.Parameter(ones([1]), options), ["requiresGrad"]],
  Buffer: [(options) => new dgsam.Buffer(ones([1]), options), ["persistent"]],
  crossEntropy: [(options) => dgsam.crossEntropy(x(), tensor([0n, 1n]), options), ["weight", "ignoreIndex", "reduction", "labelSmoothing"]],
  CrossEntropyLoss: [(options) => new dgsam.CrossEntropyLoss(options), ["weight", "ignoreIndex", "reduction", "labelSmoothing"]],
  NLLLoss: [(options) => new dgsam.NLLLoss(options), ["weight", "ignoreIndex", "reduction"]],
  nllLoss: [(options) => dgsam.nllLoss(x(), tensor([0n, 1n]), options), ["weight", "ignoreIndex", "reduction"]],
  smoothL1Loss: [(options) => dgsam.smoothL1Loss(x(), x(), options), ["reduction", "beta"]],
  SmoothL1Loss: [(options) => new dgsam.SmoothL1Loss(options), ["reduction", "beta"]],
  binaryCrossEntropyWithLogits: [(options) => dgsam.binaryCrossEntropyWithLogits(x(), x(), options), ["weight", "posWeight", "reduction"]],
  BCEWithLogitsLoss: [(options) => new dgsam.BCEWithLogitsLoss(options), ["weight", "posWeight", "reduction"]],
  kaimingUniform_: [(options) => init.kaimingUniform_(x(), options), ["a", "mode", "nonlinearity", "generator"]],
  xavierNormal_: [(options) => init.xavierNormal_(x(), options), ["gain", "generator"]],
  uniform_: [(options) => init.uniform_(x(), 0, 1, options), ["generator"]],
  loadStateDict: [(options) => net().loadStateDict(net().stateDict(), options), ["strict"]],
  to: [(options) => net().to(options), ["dtype", "device"]],
};

describe("arguments of wrong kinds are DgsamErrors", () => {
  test.each(ROWS)("%s", (_, call, good) => {
    const count = good().length;
    for (let i = 0; i < count; i++) {
      const refused = refusedKinds(KINDS, (value) => (call as (...args: unknown[]) => unknown)(...good().map((each, j) => (j === i ? value : each))));
      expect(refused, `argument ${i}`).toContain("a symbol");
    }
  });

  test.each(ROWS)("%s, without arguments", (_, call) => {
    try {
      call();
    } catch (error) {
      expect(error).toBeInstanceOf(DgsamError);
    }
  });
});

describe("options of wrong kinds are DgsamErrors, and so are keys that there are not", () => {
  test.each(Object.entries(OPTIONS))("%s", (_name, [call, keys]) => {
    for (const key of keys) expect(refusedKinds(KINDS, (value) => call({ [key]: value } as never)), key).toContain("a symbol");
    expect(refusedKinds(KINDS, (value) => call(value as never))).toEqual(expect.arrayContaining([
      "null", "a number", "a bigint", "a boolean", "an empty array", "an array", "an object with an unknown key", "an object without a prototype", "a Map",
      "a symbol", "a function", "a Tensor", "a Module",
    ]));
  });
});

describe("texts", () => {
  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["numbers for tensors", () => dgsam.mseLoss(1 as never, 2 as never), /^mseLoss\(input\): expected a Tensor, got the number 1$/],
    ["no target", () => dgsam.l1Loss(x(), undefined as never), /^l1Loss\(target\): expected a Tensor, got undefined$/],
    ["options of a state dict", () => net().loadStateDict(net().stateDict(), null as never), /^Linear\.loadStateDict: options: expected an object with any of strict, got null$/],
    ["a misspelt option of a state dict", () => net().loadStateDict(net().stateDict(), { stric: false } as never), /^Linear\.loadStateDict: unknown option 'stric'; the options are strict$/],
    ["a misspelt option of a parameter", () => new dgsam.Parameter(ones([1]), { requires_grad: false } as never), /^new Parameter\(tensor\): unknown option 'requires_grad'; the options are requiresGrad$/],
    ["persistent of no boolean", () => new dgsam.Buffer(ones([1]), { persistent: 0 as never }), /^new Buffer\(tensor\): persistent: expected a boolean, got the number 0$/],
    ["a misspelt option of a loss module", () => new dgsam.CrossEntropyLoss({ label_smoothing: 0.1 } as never), /^CrossEntropyLoss: unknown option 'label_smoothing'; the options are weight, ignoreIndex, reduction, labelSmoothing$/],
    ["an unknown reduction of a loss module", () => new dgsam.MSELoss({ reduction: "average" as never }), /^MSELoss: reduction: expected "mean", "sum" or "none", got the string "average"$/],
    ["a weight that is none", () => new dgsam.BCEWithLogitsLoss({ posWeight: [1] as never }), /^BCEWithLogitsLoss: posWeight: expected a Tensor, got an array of length 1$/],
    ["a misspelt option of an initialisation", () => init.uniform_(x(), 0, 1, { gen: null } as never), /^uniform_: unknown option 'gen'; the options are generator$/],
    ["initialisation of no tensor", () => init.xavierUniform_([1] as never), /^xavierUniform_\(tensor\): expected a Tensor, got an array of length 1$/],
    ["a gain that is none", () => init.xavierNormal_(x(), { gain: "relu" as never }), /^xavierNormal_: gain: expected a number/],
    ["a device that is none", () => new dgsam.ReLU().to({ device: 0 as never }), /^to\(target\): device: expected a device such as "cpu" or "cuda:0", got the number 0$/],
    ["a list for a placement", () => net().to([] as never), /^to\(target\): expected a dtype, a device or \{ dtype, device, nonBlocking, memoryFormat \}, got an array of length 0$/],
    ["a flag that is none", () => new dgsam.ReLU().requiresGrad_("no" as never), /^requiresGrad_\(requiresGrad\): expected a boolean, got the string "no"$/],
    ["a flag that is none", () => new dgsam.ReLU().zeroGrad(0 as never), /^zeroGrad\(setToNone\): expected a boolean, got the number 0$/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));

  test("what was put in a layer's place, when it is used", () => {
    class Silent extends (Module as unknown as new () => Module) {
      declare forward: (x: Tensor) => Tensor;
    }
    for (const [wrong, got] of [[5, "the number 5"], [null, "null"], [ones([1]), "a Tensor"], [new Silent(), "a Silent"]] as const) {
      const seq = new Sequential(new Linear(3, 3), new Linear(3, 1));
      seq[1] = wrong as never;
      const text = new RegExp(`^Sequential: layers\\[1\\]: expected a Module with a forward\\(\\), got ${got}$`);
      expectError(() => seq.forward(x()), "ERR_ARGUMENT", text);
      expectError(() => seq.layers, "ERR_ARGUMENT", text);
    }
  });
});
