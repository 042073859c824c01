/** Fine-tuning networks, the registry, and what both refuse. */
import {
  Adam, BatchNorm2d, BasicBlock, Bottleneck, convnextTiny, crossEntropy, DGSAM, EfficientNetLite, Featurizer, Identity, ImageClassifier, Linear, loadWeightsInto, makeModel, manualSeed,
  MLP, MnistCnn, MobileNetV3, MODEL_NAMES, MODELS, ones, randint, randn, ResNet, resnet18, scope, vitB16, WideResNet, wideResnet, wideResnet50_2, type ModelName, type StateDict,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError } from "../optim/support.js";

const small = () => wideResnet({ depth: 10, widenFactor: 1, numClasses: 5 });

describe("ImageClassifier", () => {
  test("is the backbone's features, dropout and a linear classifier, drawn in DomainBed's order", () => {
    manualSeed(0);
    const backbone = small();
    const classifier = new Linear(64, 3);
    manualSeed(0);
    const model = new ImageClassifier(small(), { numClasses: 3 }).eval();
    const x = randn([2, 3, 32, 32]);
    backbone.eval().head = new Identity();
    const features = backbone.forward(x);
    expect(features.shape).toEqual([2, 64]);
    expect(bits([model.featurizer.forward(x), model.forward(x)])).toEqual(bits([features, classifier.forward(features)]));
    expect(model.featurizer.numFeatures).toBe(64);
  });

  test("drops features in training", () => {
    const model = new ImageClassifier(small(), { numClasses: 3, dropout: 0.5 });
    const x = randn([4, 3, 32, 32]);
    const dropped = (features: number[]) => features.filter((each) => each === 0).length / features.length;
    const kept = dropped(model.eval().featurizer.forward(x).flatten().toArray() as number[]);
    const trained = dropped(model.train().featurizer.forward(x).flatten().toArray() as number[]);
    expect(trained - kept).toBeGreaterThan(0.2);
  });

  test("has DomainBed's keys, and loads its checkpoints and torchvision's weights", () => {
    const make = () => new ResNet(BasicBlock, [1, 1, 1, 1]);
    const model = new ImageClassifier(make(), { numClasses: 3 });
    const keys = Object.keys(model.stateDict());
    expect(keys.slice(0, 2)).toEqual(["featurizer.network.conv1.weight", "featurizer.network.bn1.weight"]);
    expect(keys.slice(-2)).toEqual(["classifier.weight", "classifier.bias"]);

    const other = new ImageClassifier(make(), { numClasses: 3 });
    const state = other.stateDict();
    const twice = Object.entries(state).map(([key, each]) => [key.replace("featurizer.", "network.0.").replace("classifier.", "network.1."), each] as const);
    loadWeightsInto(model, { ...state, ...Object.fromEntries(twice) } as StateDict, { rename: { "network.": null } });
    expect(model.parameters().every((each, i) => each.equal(other.parameters()[i]!))).toBe(true);

    const weights = make().stateDict();
    const { missingKeys, unexpectedKeys } = loadWeightsInto(model, weights, { rename: { "fc.": null, "": "featurizer.network." }, strict: false });
    expect([missingKeys, unexpectedKeys]).toEqual([["classifier.weight", "classifier.bias"], []]);
    expect(model.featurizer.network.parameters()[0]!.equal(weights["conv1.weight"]!)).toBe(true);
  });

  test.each([true, false])("steps leave statistics alone and train scales where batch normalisation is frozen: %s", (frozen) => {
    scope(() => {
      manualSeed(2);
      const model = new ImageClassifier(small(), { numClasses: 3, frozen });
      expect(model.modules().filter((each) => each instanceof BatchNorm2d).map((each) => (each as BatchNorm2d).frozen)).toEqual(Array(7).fill(frozen));
      model.train();
      const buffers = bits(model.buffers());
      const scale = (model.featurizer.network as WideResNet).bn1.weight!;
      const before = bits([scale]);
      const optimizer = new DGSAM(model.parameters(), Adam, { lr: 1e-2, model });
      const domains = [0, 1].map(() => ({ x: randn([2, 3, 32, 32]), y: randint(3, [2]) }));
      optimizer.step(domains.map(({ x, y }) => () => crossEntropy(model.forward(x), y)));
      expect(JSON.stringify(bits(model.buffers())) === JSON.stringify(buffers)).toBe(frozen);
      expect(bits([scale])).not.toEqual(before);
      model.dispose();
    });
  });

  test("is made where the backbone is", () => {
    const model = new ImageClassifier(new MnistCnn({ width: 8, dtype: "float64" }), { numClasses: 2 });
    expect(model.classifier.weight.dtype).toBe("float64");
    expect(model.forward(ones([1, 1, 28, 28], { dtype: "float64" })).shape).toEqual([1, 2]);
  });
});

describe("makeModel", () => {
  test.each(MODEL_NAMES)("%s has as many features as its entry says before its head", (name) => {
    const { numFeatures, mean, std } = MODELS[name];
    const model = makeModel(name, { numClasses: 2, device: "meta" });
    const head = model.head as Linear;
    expect([model.numFeatures, head.inFeatures, head.outFeatures]).toEqual([numFeatures, numFeatures, 2]);
    expect(std).toHaveLength(mean.length);
    const state = Object.keys(model.stateDict());
    model.head = new Identity();
    expect(state.filter((key) => !Object.keys(model.stateDict()).includes(key))).toEqual(state.slice(-2));
  });

  test.each<[name: ModelName, imageSize: number]>([
    ["resnet18", 32], ["mobilenet_v3_small", 33], ["efficientnet_b0", 32], ["efficientnet_lite0", 33], ["wide_resnet16_2", 32], ["mnist_cnn", 28],
  ])("%s gives features once its head is taken out, and what another head makes of them", (name, size) => {
    const model = makeModel(name).eval();
    const x = randn([2, MODELS[name].mean.length, size, size]);
    const own = model.head;
    const logits = model.forward(x);
    model.head = new Identity();
    const features = model.forward(x);
    expect(features.shape).toEqual([2, model.numFeatures]);
    expect(bits([own.forward(features)])).toEqual(bits([logits]));
    model.head = new Linear(model.numFeatures, 4);
    expect(model.forward(x).shape).toEqual([2, 4]);
  });

  test.each<[name: Exclude<ModelName, "mnist_cnn" | "wide_resnet16_2" | "wide_resnet28_10">, parameters: number]>([
    ["resnet18", 11689512], ["resnet34", 21797672], ["resnet50", 25557032], ["resnet101", 44549160], ["resnet152", 60192808], ["wide_resnet50_2", 68883240],
    ["mobilenet_v3_small", 2542856], ["mobilenet_v3_large", 5483032], ["efficientnet_b0", 5288548], ["efficientnet_lite0", 4652008], ["convnext_tiny", 28589128], ["vit_b_16", 86567656],
  ])("%s has %d parameters by default, as is published", (name, parameters) => {
    expect(makeModel(name, { device: "meta" }).parameters().reduce((sum, each) => sum + each.numel, 0)).toBe(parameters);
  });
});

describe("errors", () => {
  const backbone = () => new MnistCnn({ width: 8, device: "meta" });
  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["an unknown name", () => makeModel("resnet20" as never), /^makeModel\(name\): expected one of resnet18, .*, mnist_cnn, got the string "resnet20"$/],
    ["a name of Object's", () => makeModel("toString" as never), /^makeModel\(name\): expected one of/],
    ["no name", () => makeModel(undefined as never), /^makeModel\(name\): expected a string, got undefined$/],
    ["an option of another network", () => makeModel("resnet18", { dropout: 0.1 } as never), /^ResNet: unknown option 'dropout'; the options are inChannels, zeroInitResidual, groups, widthPerGroup, numClasses, dtype, device$/],
    ["no classes", () => makeModel("vit_b_16", { numClasses: 0 }), /^VisionTransformer: numClasses: expected an integer of at least 1, got the number 0$/],
    ["another block", () => new ResNet(MLP as never, [1, 1, 1, 1]), /^ResNet: block: expected BasicBlock or Bottleneck, got/],
    ["three stages", () => new ResNet(BasicBlock, [1, 1, 1] as never), /^ResNet: layers: expected an array of four integers, got an array of length 3$/],
    ["a stage without blocks", () => new ResNet(Bottleneck, [1, 0, 1, 1]), /^ResNet: layers\[1\]: expected an integer of at least 1, got the number 0$/],
    ["groups of a basic block", () => resnet18({ groups: 2 }), /^BasicBlock: groups: expected 1, since only Bottleneck has groups, got the number 2$/],
    ["a wide basic block", () => resnet18({ widthPerGroup: 128 }), /^BasicBlock: widthPerGroup: expected 64, since/],
    ["zeros of no boolean", () => wideResnet50_2({ zeroInitResidual: 1 as never }), /^ResNet: zeroInitResidual: expected a boolean, got the number 1$/],
    ["another size", () => new MobileNetV3("tiny" as never), /^MobileNetV3: size: expected "large" or "small", got the string "tiny"$/],
    ["dropout above 1", () => makeModel("efficientnet_b0", { dropout: 2 }), /^EfficientNet: dropout: expected a number from 0 to 1, got the number 2$/],
    ["nothing left", () => new EfficientNetLite({ dropConnect: 1 }), /^EfficientNetLite: dropConnect: expected a number from 0 to below 1, got the number 1$/],
    ["a scale of no number", () => convnextTiny({ layerScale: "1" as never }), /^ConvNeXt: layerScale: expected/],
    ["patches that do not fit", () => vitB16({ imageSize: 100 }), /^VisionTransformer: imageSize: expected a multiple of the patch size 16, got 100$/],
    ["a depth between", () => wideResnet({ depth: 15 }), /^WideResNet: depth: expected an integer 6 n \+ 4 of at least 10, got the number 15$/],
    ["no classifier's classes", () => new ImageClassifier(backbone(), {} as never), /^ImageClassifier: numClasses: expected an integer of at least 1, got undefined$/],
    ["a name for a backbone", () => new ImageClassifier("resnet18" as never, { numClasses: 2 }), /^Featurizer: backbone: expected a network such as makeModel\("resnet18"\), got the string "resnet18"$/],
    ["an unknown option", () => new ImageClassifier(backbone(), { numClasses: 2, freeze: true } as never), /^ImageClassifier: unknown option 'freeze'; the options are numClasses, dropout, frozen$/],
    ["frozen of no boolean", () => new Featurizer(backbone(), { frozen: "yes" as never }), /^Featurizer: frozen: expected a boolean, got the string "yes"$/],
  ])("%s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));

  test("images of another size than a transformer's", () =>
    expectError(() => vitB16({ device: "meta" }).forward(ones([1, 3, 32, 224], { device: "meta" })), "ERR_SHAPE", /^VisionTransformer: expected images of shape \[N, 3, 224, 224\], got \[1, 3, 32, 224\]; resize them/));
});
