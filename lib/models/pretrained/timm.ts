/** What timm's weights do not say: its networks tf_... have the keys of others, and compute otherwise. */

import { BatchNorm2d } from "../../nn/index.js";
import { dataWarning } from "../../warnings.js";
import { EfficientNetLite } from "../efficientnet-lite.js";
import { EfficientNet } from "../efficientnet.js";
import { MobileNetV3 } from "../mobilenet-v3.js";
import type { Backbone } from "../backbone.js";
import type { ConvPadding } from "../padding.js";

/** By our names, timm's of the networks that have a twin tf_... . */
const TWINS: Readonly<Record<string, string>> = {
  mobilenet_v3_large: "mobilenetv3_large_100", mobilenet_v3_small: "mobilenetv3_small_100", efficientnet_b0: "efficientnet_b0", efficientnet_lite0: "efficientnet_lite0",
};

// TensorFlow's default goes with its padding, PyTorch's with the other. (torchvision's MobileNetV3 pads as PyTorch, and has TensorFlow's epsilon.)
const EPS: Readonly<Record<ConvPadding, number>> = { same: 1e-3, symmetric: 1e-5 };

/**
 * Sets the epsilon of normalisation that timm's network of this name has, and warns where nobody said which of two it is.
 *
 * @param given the padding that the caller asked for
 */
export function fitTimm(name: string, file: string, model: Backbone, given: ConvPadding | undefined): void {
  const twin = TWINS[name];
  if (twin === undefined || !(model instanceof EfficientNetLite || model instanceof EfficientNet || model instanceof MobileNetV3)) return;
  const { padding } = model;
  for (const each of model.modules()) if (each instanceof BatchNorm2d) (each as { eps: number }).eps = EPS[padding];
  if (given !== undefined) return;
  dataWarning(`loadPretrained("${name}"): ${file}: weights of timm's ${twin} and tf_${twin} cannot be told apart, and give wrong numbers in the other's place: ` +
    `taken for those of ${padding === "same" ? "tf_" : ""}${twin}. Say which they are: padding: "symmetric" for ${twin}, padding: "same" for tf_${twin}`);
}
