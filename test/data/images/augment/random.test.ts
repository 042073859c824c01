/** What the random transforms draw: as torchvision draws it, by distribution; and nothing but from the generator. */
import {
  colorJitter, domainbedAugmentation, drawCropBoxes, gaussianBlur, gaussianBlurImages, Generator, horizontalFlip, randAugment, randint, randomGrayscale,
  randomHorizontalFlip, randomResizedCrop, resizedCrop, rgbToGrayscale, scope, type Tensor, type Transform,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { jitterByKinds, jitterRanges, jitterSteps } from "../../../../lib/data/images/augment/color-jitter.js";
import { CHANGES } from "../../../../lib/data/images/augment/rand-augment.js";
import { draw } from "../../../../lib/data/images/augment/transform.js";
import { hasTorch } from "../../../reference/oracle.js";
import { distance, drawParameters } from "./oracle.js";
import { expectFrequencies, expectSameDistribution } from "./statistics.js";

const seeded = (seed: number) => new Generator().manualSeed(seed);
const photo = (count: number, size: readonly [number, number] = [12, 14]) => {
  const one = randint(20, 200, [1, 3, ...size], { dtype: "uint8", generator: seeded(5) });
  return one.expand(count, -1, -1, -1).contiguous();
};
/** Of each image: which of the candidates, [1, 3, H, W] each, it equals. */
const identify = (images: Tensor, candidates: readonly Tensor[]): number[] => {
  const names = candidates.map((each) => Buffer.from(each.toBytes()).toString("latin1"));
  expect(new Set(names).size).toBe(names.length);
  return Array.from({ length: images.shape[0]! }, (_, i) => names.indexOf(Buffer.from(images.narrow(0, i, 1).contiguous().toBytes()).toString("latin1")));
};
const tally = (values: readonly number[], kinds: number) => Array.from({ length: kinds }, (_, kind) => values.filter((value) => value === kind).length);

describe.runIf(hasTorch)("drawn as torchvision draws", () => {
  const N = 3000;
  const crops = [
    { options: { size: 10 }, size: [60, 80] }, { options: { size: 10, scale: [0.7, 1] }, size: [227, 227] },
    // The box fits in some attempts only, and never.
    { options: { size: 10, scale: [0.5, 1] }, size: [40, 15] }, { options: { size: 10, scale: [0.9, 1] }, size: [12, 60] },
  ] as const;
  const jitter = { brightness: 0.3, contrast: [0.5, 2] as [number, number], saturation: 1.5, hue: 0.3 };
  const [jitters, blurs, ...boxes] = drawParameters([
    { transform: "ColorJitter", options: jitter, size: [4, 4], draws: N },
    { transform: "GaussianBlur", options: { kernel_size: 3 }, size: [4, 4], draws: N },
    ...crops.map((each) => ({ transform: "RandomResizedCrop", ...each, draws: N })),
  ]) as [Record<string, number>[], Record<string, number[]>[], ...Record<string, number>[][]];

  test.each(crops.map((each, i) => ({ ...each, expected: boxes[i]! })))("boxes of $options in $size", ({ options: { size: _, ...options }, size, expected }) => {
    const drawn = drawCropBoxes(new Array<readonly [number, number]>(N).fill(size), seeded(3), options as object);
    type Box = Record<string, number>;
    const measures = [
      (box: Box) => box["height"]! * box["width"]!, (box: Box) => box["height"]! / box["width"]!,
      (box: Box) => box["top"]! / Math.max(1, size[0] - box["height"]!), (box: Box) => box["left"]! / Math.max(1, size[1] - box["width"]!),
    ];
    for (const measure of measures) {
      expectSameDistribution(drawn.map((box) => measure({ ...box })), expected.map(measure));
    }
    for (const { top, left, height, width } of drawn) {
      expect(Math.min(top, left, size[0] - top - height, size[1] - left - width)).toBeGreaterThanOrEqual(0);
    }
  });

  test("factors and orders of colour jitter", () => {
    const ranges = jitterRanges("test", jitter);
    const drawn = draw(seeded(4), N, 5).map((each) => jitterSteps(ranges, each));
    ["brightness", "contrast", "saturation", "hue"].forEach((name, kind) =>
      expectSameDistribution(drawn.map((steps) => steps.find((step) => step.kind === kind)!.factor), jitters.map((each) => each[`${name}_factor`]!)));
    const orders = drawn.map((steps) => steps.map(({ kind }) => kind).join(""));
    const all = [...new Set(orders)].sort();
    expectFrequencies(all.map((order) => orders.filter((each) => each === order).length), new Array<number>(24).fill(1 / 24));
  });

  test("widths of the blur", () => {
    const drawn = draw(seeded(5), N, 1).map(([uniform]) => 0.1 + 1.9 * uniform!);
    expectSameDistribution(drawn, blurs.map((each) => each["sigma"]![0]!));
    // And these draws are the ones that are taken.
    const images = photo(4).to("float32").div(255);
    const sigmas = draw(seeded(5), 4, 1).map(([uniform]) => 0.1 + 1.9 * uniform!);
    expect(distance(gaussianBlur({ kernelSize: 3 }).apply(images, seeded(5)), gaussianBlurImages(images, 3, sigmas))).toBe(0);
  });
});

test("the tests of distributions tell near ones apart", () => {
  const uniform = draw(seeded(1), 3000, 1).flat();
  expect(() => expectSameDistribution(uniform, uniform.map((value) => 0.85 * value))).toThrow();
  expect(() => expectFrequencies([1200, 800], [0.5, 0.5])).toThrow();
});

describe("chance", () => {
  test.each([
    ["randomHorizontalFlip", (p: number) => randomHorizontalFlip({ p }), horizontalFlip],
    ["randomGrayscale", (p: number) => randomGrayscale({ p }), (x: Tensor) => rgbToGrayscale(x, 3)],
  ] as const)("%s changes each image with its probability, none at 0 and all at 1", (_, make, change) => {
    const images = photo(2000);
    const candidates = [images.narrow(0, 0, 1), change(images.narrow(0, 0, 1))];
    expectFrequencies(tally(identify(make(0.3).apply(images, seeded(1)), candidates), 2), [0.7, 0.3]);
    expect(tally(identify(make(0).apply(images, seeded(1)), candidates), 2)).toEqual([2000, 0]);
    expect(tally(identify(make(1).apply(images, seeded(1)), candidates), 2)).toEqual([0, 2000]);
  });

  test("randAugment takes each change, and each sign, alike often", () => {
    // Equalising changes images of more than 255 pixels only.
    const images = photo(2000, [24, 26]);
    const one = images.narrow(0, 0, 1);
    const variants = CHANGES.flatMap(({ strength, signed, apply }) => (signed ? [1, -1] : [1])
      .map((sign) => ({ made: apply(one, [sign * (strength?.(9, 31, 26, 24) ?? 0)]), probability: signed ? 1 / 28 : 1 / 14 })));
    const found = identify(randAugment({ numOps: 1 }).apply(images, seeded(2)), variants.map(({ made }) => made));
    expectFrequencies(tally(found, variants.length), variants.map(({ probability }) => probability));
    expect(distance(randAugment({ numOps: 0 }).apply(images, seeded(2)), images)).toBe(0);
  });

  test("domainbedAugmentation is its parts one after the other", () => {
    const images = randint(0, 256, [40, 3, 30, 34], { dtype: "uint8", generator: seeded(6) });
    const generator = seeded(7);
    const boxes = drawCropBoxes(new Array<readonly [number, number]>(40).fill([30, 34]), generator, { scale: [0.7, 1] });
    const draws = draw(generator, 40, 7);
    const ranges = jitterRanges("test", { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.3 });
    const cropped = resizedCrop(images.to("float32").div(255), boxes, [24, 24]);
    const flipped = cropped.clone();
    draws.forEach(([uniform], i) => void (uniform! < 0.5 && flipped.narrow(0, i, 1).copy_(horizontalFlip(cropped.narrow(0, i, 1)))));
    const steps = draws.map(([, ofGrey, ...others]) => [...jitterSteps(ranges, others), ...(ofGrey! < 0.1 ? [{ kind: 4, factor: 0 }] : [])]);
    const grey = steps.filter((each) => each.length === 5).length;
    expect(grey).toBeGreaterThan(0);
    const got = domainbedAugmentation({ imageSize: 24 }).apply(images, seeded(7));
    expect(distance(got, jitterByKinds(flipped, steps, 5))).toBeLessThan(1e-5);
    expect(got.amin().item()).toBeGreaterThanOrEqual(0);
    expect(got.amax().item()).toBeLessThanOrEqual(1);
  });

  const transforms: Record<string, Transform> = {
    randomResizedCrop: randomResizedCrop({ size: 9 }), randomHorizontalFlip: randomHorizontalFlip(), colorJitter: colorJitter({ brightness: 0.4, hue: 0.1 }),
    randomGrayscale: randomGrayscale({ p: 0.5 }), gaussianBlur: gaussianBlur({ kernelSize: 3 }), randAugment: randAugment(),
    domainbedAugmentation: domainbedAugmentation({ imageSize: 9 }),
  };
  test.each(Object.entries(transforms))("%s repeats itself with the seed, differs with another, and leaves other generators alone", (_, transform) => {
    const images = photo(16);
    const [first, again, other] = [8, 8, 9].map((seed) => scope(() => transform.apply(images, seeded(seed)))) as [Tensor, Tensor, Tensor];
    expect(distance(first, again)).toBe(0);
    expect(distance(first, other)).toBeGreaterThan(0);
    const generator = seeded(8);
    const before = generator.getState();
    transform.apply(images, generator);
    expect(distance(generator.getState(), before)).toBeGreaterThan(0);
  });
});
