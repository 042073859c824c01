/** Source: Cubuk et al., RandAugment (arXiv 1909.13719); torchvision 0.28, `RandAugment`, whose ranges of magnitudes these are. */

import { checkInteger, withDefaults } from "../../../checks.js";
import { linspace, scope, type Tensor } from "../../../tensor/index.js";
import { affine, type AffineParameters, rotate } from "./affine.js";
import { adjustBrightness, adjustContrast, adjustSaturation } from "./color.js";
import { autocontrast, equalize, posterize, solarize } from "./levels.js";
import { adjustSharpness } from "./sharpness.js";
import { boundOf, changeOwn, draw, makeTransform, roundHalfToEven, type Transform } from "./transform.js";

export interface RandAugmentOptions {
  /** How many changes each image goes through. Default 2. */
  numOps?: number;
  /** How strong they are: an index from 0 to below numMagnitudeBins. Default 9. */
  magnitude?: number;
  /** How many strengths there are, at least 2. Default 31. */
  numMagnitudeBins?: number;
}

/** One kind of change: to every image by its own strength, whose sign was drawn. */
interface Change {
  readonly name: string;
  /** The strength of a bin; none: 0. */
  strength?(bin: number, bins: number, width: number, height: number): number;
  /** Whether half of the images get the opposite strength. */
  readonly signed: boolean;
  apply(images: Tensor, strengths: readonly number[]): Tensor;
}

/** `torch.linspace(start, end, bins)[bin]`, in float32 as there. */
function fraction(start: number, end: number): Required<Change>["strength"] {
  return (bin, bins) => scope(() => linspace(start, end, bins).select(0, bin).item() as number);
}

function moved(parameters: (strength: number) => AffineParameters): Change["apply"] {
  return (images, strengths) => affine(images, strengths.map(parameters));
}

function scaled(adjust: (images: Tensor, factors: readonly number[]) => Tensor): Change["apply"] {
  return (images, strengths) => adjust(images, strengths.map((strength) => 1 + strength));
}

const degrees = (slope: number) => (Math.atan(slope) * 180) / Math.PI;

/** @internal In torchvision's order. */
export const CHANGES: readonly Change[] = [
  { name: "Identity", signed: false, apply: (images) => images.clone() },
  { name: "ShearX", strength: fraction(0, 0.3), signed: true, apply: moved((slope) => ({ shear: [degrees(slope), 0], center: [0, 0] })) },
  { name: "ShearY", strength: fraction(0, 0.3), signed: true, apply: moved((slope) => ({ shear: [0, degrees(slope)], center: [0, 0] })) },
  {
    name: "TranslateX", signed: true, apply: moved((pixels) => ({ translate: [Math.trunc(pixels), 0] })),
    strength: (bin, bins, width, height) => fraction(0, (150 / 331) * width)(bin, bins, width, height),
  },
  {
    name: "TranslateY", signed: true, apply: moved((pixels) => ({ translate: [0, Math.trunc(pixels)] })),
    strength: (bin, bins, width, height) => fraction(0, (150 / 331) * height)(bin, bins, width, height),
  },
  { name: "Rotate", strength: fraction(0, 30), signed: true, apply: (images, strengths) => rotate(images, strengths) },
  { name: "Brightness", strength: fraction(0, 0.9), signed: true, apply: scaled(adjustBrightness) },
  { name: "Color", strength: fraction(0, 0.9), signed: true, apply: scaled(adjustSaturation) },
  { name: "Contrast", strength: fraction(0, 0.9), signed: true, apply: scaled(adjustContrast) },
  { name: "Sharpness", strength: fraction(0, 0.9), signed: true, apply: scaled(adjustSharpness) },
  {
    name: "Posterize", signed: false, apply: (images, bits) => posterize(images, bits),
    strength: (bin, bins) => roundHalfToEven(Math.fround(8 - Math.fround(bin / Math.fround((bins - 1) / 4)))),
  },
  { name: "Solarize", strength: fraction(1, 0), signed: false, apply: (images, parts) => solarize(images, parts.map((part) => part * boundOf(images))) },
  { name: "AutoContrast", signed: false, apply: (images) => autocontrast(images) },
  { name: "Equalize", signed: false, apply: (images) => equalize(images) },
];

/**
 * Puts each image through `numOps` changes drawn from fourteen, each as strong as `magnitude` says, with a random sign where there are two directions.
 * What is moved in from outside is black, pixels are moved by the nearest one. Two draws an image and change.
 */
export function randAugment(options: RandAugmentOptions = {}): Transform {
  const { numOps, magnitude, numMagnitudeBins: bins } = withDefaults("randAugment", options, { numOps: 2, magnitude: 9, numMagnitudeBins: 31 });
  checkInteger("randAugment: numOps", numOps, 0);
  checkInteger("randAugment: numMagnitudeBins", bins, 2);
  checkInteger("randAugment: magnitude", magnitude, 0, bins - 1);
  return makeTransform("randAugment", (images, generator) => {
    const [count, , height, width] = images.shape as [number, number, number, number];
    const draws = draw(generator, count, 2 * numOps);
    let current = images.clone();
    for (let round = 0; round < numOps; round++) {
      const chosen = draws.map((each) => Math.floor(each[2 * round]! * CHANGES.length));
      CHANGES.forEach((change, kind) => {
        const positions = chosen.flatMap((each, i) => (each === kind ? [i] : []));
        if (positions.length === 0) return;
        const strength = change.strength?.(magnitude, bins, width, height) ?? 0;
        const strengths = positions.map((i) => (change.signed && draws[i]![2 * round + 1]! <= 0.5 ? -strength : strength));
        current = changeOwn(current, positions, (some) => change.apply(some, strengths));
      });
    }
    return current;
  });
}
