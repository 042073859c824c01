/** Turning, shifting, scaling and shearing. Source: torchvision 0.28, transforms/v2/functional/_geometry.py (`affine_image`, `rotate_image`). */

import { checkChoice, withDefaults } from "../../../checks.js";
import { argumentError, DgsamError } from "../../../errors.js";
import { empty, linspace, ops, scope, tensor, toDevice, type Tensor } from "../../../tensor/index.js";
import { checkImages, indices, positionsOf } from "./transform.js";

/** What happens to one image, about its centre or a given one: sheared, scaled, turned, shifted. */
export interface AffineParameters {
  /** Degrees, clockwise. Default 0. */
  angle?: number;
  /** Pixels to the right and down. Default [0, 0]. */
  translate?: readonly [x: number, y: number];
  /** Above 0. Default 1. */
  scale?: number;
  /** Degrees along x and y. Default [0, 0]. */
  shear?: readonly [x: number, y: number];
  /** Pixels from the top left corner, x and y; null for the middle of the image. Default null. */
  center?: readonly [x: number, y: number] | null;
}

export interface AffineOptions {
  /** How values between pixels are found. Default `"nearest"`. */
  interpolation?: "nearest" | "bilinear";
}

const DEFAULTS: Required<AffineParameters> = { angle: 0, translate: [0, 0], scale: 1, shear: [0, 0], center: null };
// LibTorch's numbers (GridSamplerInterpolation, GridSamplerPadding).
const MODES = { bilinear: 0, nearest: 1 };
const ZEROS = 0;

/**
 * Maps each image by an affine transformation; what comes from outside is black.
 * @param images [B, 3, H, W], uint8 (rounded to nearest) or float32.
 * @param parameters for all images or one for each.
 */
export function affine(images: Tensor, parameters: AffineParameters | readonly AffineParameters[], options: AffineOptions = {}): Tensor {
  checkImages("affine", images);
  const [count, , height, width] = images.shape as [number, number, number, number];
  const { interpolation } = withDefaults<Required<AffineOptions>>("affine", options, { interpolation: "nearest" });
  checkChoice("affine: interpolation", interpolation, Object.keys(MODES));
  const all = (Array.isArray(parameters) ? parameters : new Array(count).fill(parameters)) as readonly AffineParameters[];
  if (all.length !== count) throw new DgsamError("ERR_SHAPE", `affine: expected parameters for ${count} images, got ${all.length}`);
  const matrices = all.map((each) => inverseMatrix(withDefaults("affine", each, DEFAULTS), width, height));
  if (count === 0) return images.clone();
  return scope(() => {
    const grid = gridOf(matrices, width, height, images);
    const moved = ops.aten.grid_sampler(images.to("float32"), grid, MODES[interpolation], ZEROS, false);
    return images.dtype === "uint8" ? moved.round_().to("uint8") : moved;
  });
}

/**
 * Turns each image about its middle; what comes from outside is black. Quarters of a turn that keep an image's size move its pixels and calculate
 * nothing.
 * @param images [B, 3, H, W], uint8 (rounded to nearest) or float32.
 * @param degrees counter-clockwise, for all images or one for each.
 */
export function rotate(images: Tensor, degrees: number | readonly number[], options: AffineOptions = {}): Tensor {
  checkImages("rotate", images);
  const all: readonly number[] = Array.isArray(degrees) ? degrees : new Array(images.shape[0]!).fill(degrees);
  return scope(() => {
    // Affine's angle runs the other way in torchvision.
    const turned = affine(images, all.map((each) => ({ angle: -each })), options);
    const isSquare = images.shape[2] === images.shape[3];
    for (const quarters of isSquare ? [0, 1, 2, 3] : [0, 2]) {
      const positions = positionsOf(all, (each) => (((each % 360) + 360) % 360) === 90 * quarters);
      if (positions.length === 0) continue;
      const index = indices(positions, images);
      turned.indexCopy_(0, index, ops.aten["rot90.default"](images.indexSelect(0, index), quarters, [2, 3]));
    }
    return turned;
  });
}

/** Where a pixel of the result comes from, both counted from the middle of the image: rows (a, b, c) for x and y. */
function inverseMatrix({ angle, translate, scale, shear, center }: Required<AffineParameters>, width: number, height: number): number[] {
  for (const [name, value] of Object.entries({ angle, scale, "translate[0]": translate[0], "translate[1]": translate[1], "shear[0]": shear[0], "shear[1]": shear[1] })) {
    if (!Number.isFinite(value)) throw argumentError(`affine: ${name}`, "a finite number", value);
  }
  if (scale <= 0) throw argumentError("affine: scale", "a number above 0", scale);
  const [turn, shearX, shearY] = [angle, ...shear].map((degrees) => (degrees * Math.PI) / 180) as [number, number, number];
  const [centerX, centerY] = center === null ? [0, 0] : [center[0] - width / 2, center[1] - height / 2];
  const a = Math.cos(turn - shearY) / Math.cos(shearY);
  const b = -(a * Math.tan(shearX) + Math.sin(turn));
  const c = Math.sin(turn - shearY) / Math.cos(shearY);
  const d = Math.cos(turn) - c * Math.tan(shearX);
  const [xx, xy, yx, yy] = [d / scale, -b / scale, -c / scale, a / scale] as const;
  const [fromX, fromY] = [centerX + translate[0], centerY + translate[1]];
  return [xx, xy, centerX - xx * fromX - xy * fromY, yx, yy, centerY - yx * fromX - yy * fromY];
}

/** [B, H, W, 2] in grid_sampler's coordinates, computed step by step as torchvision does: nearest pixels hang on the last bit. */
function gridOf(matrices: readonly number[][], width: number, height: number, images: Tensor): Tensor {
  const { device } = images;
  const base = empty([1, height, width, 3], { device });
  base.select(3, 0).copy_(linspace((1 - width) * 0.5, (width - 1) * 0.5, width, { device }));
  base.select(3, 1).copy_(linspace((1 - height) * 0.5, (height - 1) * 0.5, height, { device }).unsqueeze(-1));
  base.select(3, 2).fill_(1);
  const theta = toDevice(tensor(Float32Array.from(matrices.flat())).reshape(matrices.length, 2, 3).transpose(1, 2), device);
  theta.div_(toDevice(tensor(Float32Array.of(0.5 * width, 0.5 * height)), device));
  return base.reshape(1, height * width, 3).expand(matrices.length, -1, -1).bmm(theta).reshape(matrices.length, height, width, 2);
}
