/** The models' public list. */
export { Backbone, type BackboneOptions } from "./backbone.js";
export { MLP, type MLPOptions } from "./mlp.js";
export { MnistCnn, type MnistCnnOptions } from "./mnist-cnn.js";
export { loadTorchScript, ScriptModule, type LoadTorchScriptOptions, type ScriptValue } from "./torchscript.js";
export {
  BasicBlock, Bottleneck, ResNet, resnet101, resnet152, resnet18, resnet34, resnet50, wideResnet50_2, type ResidualBlock, type ResidualBlockSettings, type ResNetOptions,
} from "./resnet.js";
export { MobileNetV3, mobilenetV3Large, mobilenetV3Small, type MobileNetV3Options } from "./mobilenet-v3.js";
export { EfficientNet, efficientnetB0, type EfficientNetOptions, type MBConvStage } from "./efficientnet.js";
export { EfficientNetLite, efficientnetLite0, type EfficientNetLiteOptions } from "./efficientnet-lite.js";
export type { ConvPadding } from "./padding.js";
export { ConvNeXt, convnextTiny, type ConvNeXtOptions, type ConvNeXtStage } from "./convnext.js";
export { VisionTransformer, vitB16, type VisionTransformerOptions, type VisionTransformerSettings } from "./vision-transformer.js";
export { WideResNet, wideResnet, type WideResNetOptions } from "./wide-resnet.js";
export { Featurizer, ImageClassifier, type FeaturizerOptions, type ImageClassifierOptions } from "./image-classifier.js";
export { makeModel, MODEL_NAMES, MODELS, type ModelEntry, type ModelName, type ModelOptions } from "./registry.js";
export { loadPretrained, type LoadPretrainedOptions } from "./pretrained/index.js";
export type { DownloadProgress } from "./pretrained/download.js";
export type { PretrainedSource } from "./pretrained/key-maps.js";
export type { PretrainedVariant } from "./pretrained/sources.js";
