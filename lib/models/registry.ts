/** The networks for images by name, as torchvision names them, and what they expect of an image. */

import { checkString } from "../checks.js";
import { argumentError } from "../errors.js";
import type { Backbone } from "./backbone.js";
import { convnextTiny } from "./convnext.js";
import { efficientnetLite0 } from "./efficientnet-lite.js";
import { efficientnetB0 } from "./efficientnet.js";
import { MnistCnn, type MnistCnnOptions } from "./mnist-cnn.js";
import { mobilenetV3Large, mobilenetV3Small } from "./mobilenet-v3.js";
import { resnet101, resnet152, resnet18, resnet34, resnet50, wideResnet50_2 } from "./resnet.js";
import { vitB16 } from "./vision-transformer.js";
import { wideResnet, type WideResNetOptions } from "./wide-resnet.js";

/** How a network is made and fed. */
export interface ModelEntry<Options, Network extends Backbone> {
  /** Makes it, with the options of its kind. */
  make(options?: Options): Network;
  /** Height and width that it is evaluated at. */
  imageSize: number;
  /** What is subtracted from pixels between 0 and 1, per channel. */
  mean: readonly number[];
  /** What the differences are divided by, per channel. */
  std: readonly number[];
  /** How many features its last layer sees. */
  numFeatures: number;
}

const IMAGENET = { imageSize: 224, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
// (x - 127) / 128 of pixels from 0 to 255.
const LITE = { imageSize: 224, mean: [127 / 255, 127 / 255, 127 / 255], std: [128 / 255, 128 / 255, 128 / 255] };
const AS_IT_IS = { mean: [0, 0, 0], std: [1, 1, 1] };

function entry<Options, Network extends Backbone>(
  make: (options?: Options) => Network,
  numFeatures: number,
  input: Pick<ModelEntry<Options, Network>, "imageSize" | "mean" | "std"> = IMAGENET,
): Readonly<ModelEntry<Options, Network>> {
  return Object.freeze({ make, numFeatures, ...input });
}

/** The networks by name. Mean and standard deviation are those of the weights that are usual for them. */
export const MODELS = Object.freeze({
  resnet18: entry(resnet18, 512),
  resnet34: entry(resnet34, 512),
  resnet50: entry(resnet50, 2048),
  resnet101: entry(resnet101, 2048),
  resnet152: entry(resnet152, 2048),
  wide_resnet50_2: entry(wideResnet50_2, 2048),
  mobilenet_v3_small: entry(mobilenetV3Small, 1024),
  mobilenet_v3_large: entry(mobilenetV3Large, 1280),
  efficientnet_b0: entry(efficientnetB0, 1280),
  efficientnet_lite0: entry(efficientnetLite0, 1280, LITE),
  convnext_tiny: entry(convnextTiny, 768),
  vit_b_16: entry(vitB16, 768),
  wide_resnet16_2: entry((options?: WideResNetOptions) => wideResnet({ depth: 16, widenFactor: 2, ...options }), 128, { imageSize: 32, ...AS_IT_IS }),
  wide_resnet28_10: entry((options?: WideResNetOptions) => wideResnet({ depth: 28, widenFactor: 10, ...options }), 640, { imageSize: 32, ...AS_IT_IS }),
  mnist_cnn: entry((options?: MnistCnnOptions) => new MnistCnn(options), 128, { imageSize: 28, mean: [0], std: [1] }),
});

/** The names of {@link MODELS}. */
export type ModelName = keyof typeof MODELS;

/** The networks' names. */
export const MODEL_NAMES = Object.freeze(Object.keys(MODELS)) as readonly ModelName[];

/** Networks that are made for images of one size, which their option `imageSize` is; the others take any. */
export const SIZED_MODELS: readonly ModelName[] = ["vit_b_16"];

/** Networks whose option `inChannels` says how many channels an image has. */
export const CHANNELLED_MODELS: readonly ModelName[] = [
  "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "wide_resnet50_2", "wide_resnet16_2", "wide_resnet28_10", "mnist_cnn",
];

/** Networks whose option `padding` says how convolutions extend their input. */
export const PADDED_MODELS: readonly ModelName[] = ["mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b0", "efficientnet_lite0"];

/** The options of the network of a name. */
export type ModelOptions<Name extends ModelName> = NonNullable<Parameters<(typeof MODELS)[Name]["make"]>[0]>;

/**
 * Makes the network of a name: `makeModel("resnet18", { numClasses: 7 })`.
 *
 * @throws DgsamError `ERR_ARGUMENT`
 */
export function makeModel<Name extends ModelName>(name: Name, options?: ModelOptions<Name>): ReturnType<(typeof MODELS)[Name]["make"]> {
  checkString("makeModel(name)", name);
  if (!Object.hasOwn(MODELS, name)) throw argumentError("makeModel(name)", `one of ${MODEL_NAMES.join(", ")}`, name);
  const make = MODELS[name].make as (options?: ModelOptions<Name>) => Backbone;
  return make(options) as ReturnType<(typeof MODELS)[Name]["make"]>;
}
