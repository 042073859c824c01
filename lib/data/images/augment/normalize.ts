/** Normalising by channel. Source: torchvision 0.28, `normalize_image`. */

import { withDefaults } from "../../../checks.js";
import { argumentError } from "../../../errors.js";
import { ops, tensor, toDevice } from "../../../tensor/index.js";
import { toUnit } from "./scale.js";
import { makeTransform, type Transform } from "./transform.js";

export interface NormalizeOptions {
  /** Of red, green and blue on the scale from 0 to 1. */
  mean: readonly number[];
  /** The same for the standard deviations, above 0. */
  std: readonly number[];
}

/**
 * (x - mean) / std by channel, float32. uint8 images are brought to the scale from 0 to 1 first, where torchvision refuses them.
 * Draws nothing.
 * @throws ERR_ARGUMENT when mean or std are not three finite numbers, or a std is not above 0.
 */
export function normalize(options: NormalizeOptions): Transform {
  type Given = { [K in keyof NormalizeOptions]: NormalizeOptions[K] | undefined };
  const { mean, std } = withDefaults<Given>("normalize", options, { mean: undefined, std: undefined });
  checkChannels("normalize: mean", mean, () => true, "three finite numbers");
  checkChannels("normalize: std", std, (value) => value > 0, "three finite numbers above 0");
  return makeTransform("normalize", (images) => {
    if (images.device === "cpu") return ops.dgsam.normalize_images(images, mean, std, images.dtype === "uint8" ? 1 / 255 : 1);
    const byChannel = (values: readonly number[]) => toDevice(tensor([...values]).reshape(1, 3, 1, 1), images.device);
    return toUnit(images).sub(byChannel(mean)).div_(byChannel(std));
  });
}

function checkChannels(name: string, values: unknown, allowed: (value: number) => boolean, expected: string): asserts values is readonly number[] {
  if (!Array.isArray(values) || values.length !== 3) throw argumentError(name, expected, values);
  for (const value of values as unknown[]) if (!Number.isFinite(value) || !allowed(value as number)) throw argumentError(name, expected, value);
}

/** What networks with torchvision's ImageNet weights were trained on: mean (0.485, 0.456, 0.406), std (0.229, 0.224, 0.225). */
export const imagenetNormalization: Transform = normalize({ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] });
