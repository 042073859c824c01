/** Every deterministic operation against torchvision's kernel of the same name, on uint8 and float32 images. */
import {
  adjustBrightness, adjustContrast, adjustHue, adjustSaturation, adjustSharpness, affine, autocontrast, centerCrop, equalize, gaussianBlurImages, Generator,
  horizontalFlip, normalize, posterize, resize, resizedCrop, resizeImages, rgbToGrayscale, rotate, solarize, type Tensor, toFloat,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { jitter, jitterByKinds } from "../../../../lib/data/images/augment/color-jitter.js";
import { cropByMatrices } from "../../../../lib/data/images/augment/crop.js";
import { CHANGES } from "../../../../lib/data/images/augment/rand-augment.js";
import { hasTorch } from "../../../reference/oracle.js";
import { distance, type ImageDType, runKernels } from "./oracle.js";

interface Case {
  readonly kernel: string;
  /** Keyword arguments of torchvision's kernel for each of the eight images. */
  readonly each: readonly object[];
  readonly ours: (images: Tensor) => Tensor;
  /** Allowed differences: units of uint8, and of float32 from 0 to 1. */
  readonly uint8?: number;
  readonly float32?: number;
  readonly label?: string;
}

const generator = new Generator();
const same = (options: object) => Array.from({ length: 8 }, () => options);
const factors = [0, 0.25, 0.7312, 1, 1.3, 1.9, 2.5, 0.7];
const hues = [-0.5, -0.3, -0.01, 0, 0.1, 0.27, 0.3, 0.5];
const sigmas = [0.1, 0.3, 0.7, 1, 1.5, 2, 3.3, 0.5];
const bits = [0, 1, 2, 3, 4, 5, 7, 8];
const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const thresholds = [0, 0.1, 0.5, 0.7, 0.25, 0.4, 1, 1];
const shearedAt = (shear: number) => ({ angle: 10, translate: [3, -2], scale: 0.8, shear: [0, shear] }) as const;
const shears = [-16.7, -8, -1, 0, 2, 5, 10, 16.7];
const turns = [-180, -90, 0, 33.3, 90, 180, 270, 360];
const angles = [-30, -13.5, -1, 0, 9, 17, 90, 180];
const jitters = [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1], [3, 1, 0, 2], [0, 3, 1, 2], [1, 3, 2, 0], [2, 0, 1, 3]]
  .map((order, i) => order.map((kind) => ({ kind, factor: kind === 3 ? hues[i]! : 0.7 + 0.6 * ((i * 3 + kind * 5) % 8) / 7 })));
const boxes = [[0, 0, 29, 37], [3, 5, 20, 30], [28, 36, 1, 1], [0, 7, 29, 11], [1, 1, 16, 24], [9, 0, 7, 37], [2, 3, 25, 17], [0, 0, 5, 5]]
  .map(([top, left, height, width]) => ({ top: top!, left: left!, height: height!, width: width! }));
const flips = [false, true, true, false, true, false, true, false];

const cases: Case[] = [
  { kernel: "to_float", each: same({}), ours: (x) => toFloat().apply(x, generator) },
  { kernel: "horizontal_flip", each: same({}), ours: horizontalFlip },
  { kernel: "rgb_to_grayscale", each: same({ num_output_channels: 1 }), ours: (x) => rgbToGrayscale(x) },
  { kernel: "rgb_to_grayscale", each: same({ num_output_channels: 3 }), ours: (x) => rgbToGrayscale(x, 3), label: "to three channels" },
  { kernel: "adjust_brightness", each: factors.map((brightness_factor) => ({ brightness_factor })), ours: (x) => adjustBrightness(x, factors) },
  // Products and sums are rounded once there and twice here, and means are summed in another order; cut to uint8 that may be a unit.
  { kernel: "adjust_contrast", each: factors.map((contrast_factor) => ({ contrast_factor })), ours: (x) => adjustContrast(x, factors), uint8: 1, float32: 1e-6 },
  { kernel: "adjust_saturation", each: factors.map((saturation_factor) => ({ saturation_factor })), ours: (x) => adjustSaturation(x, factors), uint8: 1, float32: 1e-6 },
  { kernel: "adjust_sharpness", each: factors.map((sharpness_factor) => ({ sharpness_factor })), ours: (x) => adjustSharpness(x, factors), uint8: 1, float32: 1e-6 },
  // Another formula; torchvision's hue alone has an error of 6e-7 of the circle's sixth.
  { kernel: "adjust_hue", each: hues.map((hue_factor) => ({ hue_factor })), ours: (x) => adjustHue(x, hues), uint8: 1, float32: 2e-6 },
  { kernel: "posterize", each: bits.map((each) => ({ bits: each })), ours: (x) => posterize(x, bits) },
  { kernel: "solarize", each: thresholds.map((threshold) => ({ threshold })), ours: (x) => solarize(x, thresholds) },
  { kernel: "autocontrast", each: same({}), ours: autocontrast },
  { kernel: "equalize", each: same({}), ours: equalize },
  { kernel: "normalize", each: same(imagenet), ours: (x) => normalize(imagenet).apply(x, generator) },
  // One direction after the other here, all at once there.
  {
    kernel: "gaussian_blur", each: sigmas.map((sigma) => ({ kernel_size: [5, 7], sigma: [sigma, sigma] })),
    ours: (x) => gaussianBlurImages(x, [5, 7], sigmas), uint8: 1, float32: 1e-6,
  },
  {
    kernel: "affine", each: shears.map((shear) => ({ angle: 0, translate: [0, 0], scale: 1, shear: [shear, 0], center: [0, 0] })),
    ours: (x) => affine(x, shears.map((shear) => ({ shear: [shear, 0], center: [0, 0] }))), label: "shearing, nearest",
  },
  {
    kernel: "affine", each: shears.map((shear) => ({ ...shearedAt(shear), interpolation: "bilinear" })),
    ours: (x) => affine(x, shears.map(shearedAt), { interpolation: "bilinear" }), label: "all at once, bilinear", uint8: 1, float32: 1e-6,
  },
  {
    kernel: "affine", each: shears.map((shift) => ({ angle: 0, translate: [Math.trunc(shift), 0], scale: 1, shear: [0, 0] })),
    ours: (x) => affine(x, shears.map((shift) => ({ translate: [Math.trunc(shift), 0] }))), label: "shifting, nearest",
  },
  { kernel: "rotate", each: angles.map((angle) => ({ angle })), ours: (x) => rotate(x, angles) },
  {
    kernel: "rotate", each: turns.map((angle) => ({ angle, interpolation: "bilinear" })), ours: (x) => rotate(x, turns, { interpolation: "bilinear" }),
    label: "bilinear, turns among them", uint8: 1, float32: 1e-5,
  },
  { kernel: "resize", each: same({ size: [19, 50] }), ours: (x) => resizeImages(x, [19, 50]) },
  { kernel: "resize", each: same({ size: 20 }), ours: (x) => resize({ size: 20 }).apply(x, generator), label: "the shorter side" },
  { kernel: "center_crop", each: same({ output_size: [20, 18] }), ours: (x) => centerCrop({ size: [20, 18] }).apply(x, generator) },
  { kernel: "center_crop", each: same({ output_size: [40, 18] }), ours: (x) => centerCrop({ size: [40, 18] }).apply(x, generator), label: "with a frame" },
  // Differences of one step go through the next ones.
  {
    kernel: "color_jitter", uint8: 2, float32: 4e-6, ours: (x) => jitter(x.clone({ memoryFormat: "contiguous_format" }), jitters),
    each: jitters.map((steps) => ({ order: steps.map(({ kind }) => kind), factors: [0, 1, 2, 3].map((kind) => steps.find((each) => each.kind === kind)!.factor) })),
  },
  ...CHANGES.flatMap(({ name, strength, signed, apply }): Case[] => {
    const signs = (signed ? [-1, 1, 1, -1, 1, -1, -1, 1] : new Array<number>(8).fill(1));
    const ours = (x: Tensor) => apply(x, signs.map((sign) => sign * (strength?.(9, 31, 37, 29) ?? 0)));
    const blends = ["Color", "Contrast", "Sharpness"].includes(name);
    return [{ kernel: "rand_augment", each: signs.map((sign) => ({ change: name, sign })), ours, label: name, ...(blends ? { uint8: 1, float32: 1e-6 } : {}) }];
  }),
  // The same weights; sums are taken rows first, and torchvision's uint8 kernel rounds after each direction.
  { kernel: "resized_crop", each: boxes.map((box) => ({ ...box, size: [16, 24] })), ours: (x) => resizedCrop(x, boxes, [16, 24]), uint8: 1, float32: 1e-6 },
];

describe.runIf(hasTorch)("as torchvision", () => {
  const dtypes: ImageDType[] = ["uint8", "float32"];
  const { images, expected } = runKernels(cases.flatMap(({ kernel, each }) => dtypes.map((dtype) => ({ function: kernel, dtype, each }))));

  test.each(cases.flatMap((each, i) => dtypes.map((dtype, j) => ({ ...each, dtype, allowed: each[dtype] ?? 0, title: each.label ?? "", at: 2 * i + j }))))(
    "$kernel $title, $dtype, within $allowed", ({ ours, dtype, allowed, at }) => {
      const x = images[dtype];
      const before = x.clone();
      const got = ours(x);
      expect(distance(got, expected[at]!)).toBeLessThanOrEqual(allowed);
      expect(got === x).toBe(false);
      // Also where the memory order is another one, and no input is written to.
      expect(distance(ours(x.contiguous({ memoryFormat: "channels_last" })), expected[at]!)).toBeLessThanOrEqual(allowed);
      expect(distance(x, before)).toBe(0);
    });

  test("cropping by matrices, as on a GPU, agrees with the operator", () => {
    const byMatrices = cropByMatrices(images.uint8, boxes, flips, [16, 24], 1 / 255);
    expect(distance(byMatrices, resizedCrop(images.uint8, boxes, [16, 24], { flips, dtype: "float32" }))).toBeLessThanOrEqual(1e-6);
  });
  test("jitter by groups of images, as on a GPU, agrees with the operator", () => {
    const withGrey = jitters.map((steps, i) => (i % 2 === 0 ? [...steps, { kind: 4, factor: 0 }] : steps.slice(i % 4)));
    const byKinds = jitterByKinds(images.float32.clone(), withGrey, 5);
    expect(distance(byKinds, jitter(images.float32.clone(), withGrey))).toBeLessThanOrEqual(4e-6);
    expect(distance(byKinds, images.float32)).toBeGreaterThan(0.1);
  });
});
