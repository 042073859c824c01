/** Source: torchvision 0.28, `ColorJitter`. */

import { checkNumber, withDefaults } from "../../../checks.js";
import { ops, type Tensor } from "../../../tensor/index.js";
import { adjustBrightness, adjustContrast, adjustSaturation, rgbToGrayscale } from "./color.js";
import { adjustHue } from "./hue.js";
import { between, changeOwn, checkRange, draw, makeTransform, type Range, type Transform } from "./transform.js";

export interface ColorJitterOptions {
  /** Of brightness b: a factor from [max(0, 1 - b), 1 + b], or from the range given. Default 0: none. */
  brightness?: number | Range;
  /** The same for contrast. */
  contrast?: number | Range;
  /** The same for saturation. */
  saturation?: number | Range;
  /** Of hue h, at most 0.5: a part of the colour circle from [-h, h], or from the range given. Default 0: none. */
  hue?: number | Range;
}

/** By the numbers that `dgsam::color_jitter_` knows them by. */
const STEPS = [adjustBrightness, adjustContrast, adjustSaturation, adjustHue, (images: Tensor) => rgbToGrayscale(images, 3)] as const;
const HUE = 3;
/** The step that {@link jitter} takes colours away in. */
export const GREY = 4;
const NO_STEP = -1;

/** One step of one image. */
export interface JitterStep {
  readonly kind: number;
  readonly factor: number;
}

/** The bounds of the factors by kind; null for a kind that changes nothing. */
export type JitterRanges = readonly (Range | null)[];

/** The ranges that options stand for. */
export function jitterRanges(name: string, options: ColorJitterOptions): JitterRanges {
  const given = withDefaults<Required<ColorJitterOptions>>(name, options, { brightness: 0, contrast: 0, saturation: 0, hue: 0 });
  return [given.brightness, given.contrast, given.saturation, given.hue].map((value, kind) => {
    const option = `${name}: ${["brightness", "contrast", "saturation", "hue"][kind]!}`;
    const [centre, low, high] = kind === HUE ? [0, -0.5, 0.5] : [1, 0, Infinity];
    if (typeof value === "number") checkNumber(option, value, 0, kind === HUE ? high : Infinity, kind === HUE);
    else checkRange(option, value, low, high);
    const range: Range = typeof value === "number" ? [Math.max(centre - value, low), centre + value] : value;
    return range[0] === centre && range[1] === centre ? null : range;
  });
}

/** How many draws {@link jitterSteps} takes for an image: its order, and a factor of each kind. */
export const JITTER_DRAWS = 5;

/** The steps of one image, in their order. */
export function jitterSteps(ranges: JitterRanges, [ofOrder, ...ofFactors]: readonly number[]): JitterStep[] {
  return permutation(Math.floor(ofOrder! * 24)).flatMap((kind) => {
    const range = ranges[kind]!;
    return range === null ? [] : [{ kind, factor: between(range, ofFactors[kind]!) }];
  });
}

/** The order 0 to 23 of four things, each another one. */
function permutation(number: number): number[] {
  const left = [0, 1, 2, 3];
  return [6, 2, 1, 1].map((weight) => {
    const place = Math.floor(number / weight);
    number %= weight;
    return left.splice(place, 1)[0]!;
  });
}

/**
 * Runs each image's steps, in its own order, in place where that is fastest.
 *
 * float32 on the CPU: one operator, image by image. Else batched operators: at each place of the order, the images whose step there is of a kind
 * are gathered, changed and put back.
 *
 * @param images the caller's own: they may be overwritten.
 */
export function jitter(images: Tensor, steps: readonly (readonly JitterStep[])[]): Tensor {
  if (images.device === "cpu" && images.dtype === "float32" && images.isContiguous()) {
    const { kinds, factors } = asLists(steps);
    ops.dgsam.color_jitter_(images, kinds, factors);
    return images;
  }
  return jitterByKinds(images, steps, longestOf(steps));
}

function longestOf(steps: readonly (readonly JitterStep[])[]): number {
  return steps.reduce((length, each) => Math.max(length, each.length), 0);
}

/** The steps as our operators take them: equally many for each image. */
export function asLists(steps: readonly (readonly JitterStep[])[]): { kinds: number[]; factors: number[] } {
  const longest = longestOf(steps);
  const padded = steps.flatMap((each) => Array.from({ length: longest }, (_, i) => each[i] ?? { kind: NO_STEP, factor: 0 }));
  return { kinds: padded.map(({ kind }) => kind), factors: padded.map(({ factor }) => factor) };
}

/** @internal The same for any dtype and device; overwrites `images`. */
export function jitterByKinds(images: Tensor, steps: readonly (readonly JitterStep[])[], longest: number): Tensor {
  let current = images;
  for (let place = 0; place < longest; place++) {
    STEPS.forEach((step, kind) => {
      const positions = steps.flatMap((each, i) => (each[place]?.kind === kind ? [i] : []));
      current = changeOwn(current, positions, (some) => step(some, positions.map((i) => steps[i]![place]!.factor)));
    });
  }
  return current;
}

/**
 * Changes brightness, contrast, saturation and hue by random factors, in a random order, each image by its own.
 *
 * uint8 images are rounded after each step, as torchvision does it; float32 ones, on the CPU, are several times faster (see `toFloat`).
 *
 * @throws ERR_ARGUMENT for a negative number, a hue above 0.5, and bounds that are none.
 */
export function colorJitter(options: ColorJitterOptions = {}): Transform {
  const ranges = jitterRanges("colorJitter", options);
  return makeTransform("colorJitter", (images, generator) =>
    jitter(images.clone({ memoryFormat: "contiguous_format" }), draw(generator, images.shape[0]!, JITTER_DRAWS).map((each) => jitterSteps(ranges, each))));
}
