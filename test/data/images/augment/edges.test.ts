/** Transforms on batches of any size, dtype and memory order, and what is no batch of images. */
import {
  adjustBrightness, adjustContrast, adjustHue, adjustSaturation, adjustSharpness, affine, autocontrast, centerCrop, colorJitter, compose, type CropBox,
  domainbedAugmentation, drawCropBoxes, equalize, full, gaussianBlur, gaussianBlurImages, Generator, horizontalFlip, imagenetNormalization, memoryStats, normalize, ops,
  posterize, rand, randAugment, randint, randomGrayscale, randomHorizontalFlip, randomResizedCrop, resize, resizedCrop, resizeImages, rgbToGrayscale, rotate, scope,
  solarize, tensor, type Tensor, toFloat, type Transform, zeros,
} from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectError } from "../../errors.js";
import { distance, type ImageDType } from "./oracle.js";

const generator = new Generator().manualSeed(1);
const makeImages = (shape: readonly number[], dtype: ImageDType, seed = 2): Tensor => {
  const source = new Generator().manualSeed(seed);
  return dtype === "uint8" ? randint(0, 256, shape, { dtype: "uint8", generator: source }) : rand(shape, { generator: source });
};

const transforms: Record<string, Transform> = {
  toFloat: toFloat(), resize: resize({ size: [7, 9] }), centerCrop: centerCrop({ size: 6 }), randomResizedCrop: randomResizedCrop({ size: [7, 9] }),
  randomHorizontalFlip: randomHorizontalFlip(), colorJitter: colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.3 }),
  randomGrayscale: randomGrayscale({ p: 0.5 }), gaussianBlur: gaussianBlur({ kernelSize: [3, 5] }), randAugment: randAugment({ numOps: 3 }),
  imagenetNormalization, domainbedAugmentation: domainbedAugmentation({ imageSize: 8 }), compose: compose([randomHorizontalFlip(), toFloat(), imagenetNormalization]),
};

describe.each(Object.entries(transforms))("%s", (name, transform) => {
  test("quarters of a turn move the pixels of squares as they are", () => {
  const x = rand([4, 3, 5, 5]);
  for (const interpolation of ["nearest", "bilinear"] as const) {
    const turned = rotate(x, [0, 90, -180, 630], { interpolation });
    for (let i = 0; i < 4; i++) expect(turned.select(0, i).toArray()).toEqual(ops.aten["rot90.default"](x.select(0, i), i, [1, 2]).toArray());
  }
});

test("gives images of any batch their shape, dtype and range, changes no input and leaves no tensor behind", () => {
    const shapes = fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 3, max: 40 }), fc.integer({ min: 3, max: 40 }));
    fc.assert(fc.property(shapes, fc.constantFrom<ImageDType>("uint8", "float32"), fc.boolean(), ([count, height, width], dtype, channelsLast) => {
      scope(() => {
        const images = makeImages([count, 3, height, width], dtype).contiguous({ memoryFormat: channelsLast ? "channels_last" : "contiguous_format" });
        const before = images.clone();
        const handles = memoryStats().handles;
        const made = transform.apply(images, generator);
        expect(memoryStats().handles).toBe(handles + 1);
        const size = { resize: [7, 9], randomResizedCrop: [7, 9], centerCrop: [6, 6], domainbedAugmentation: [8, 8] }[name] ?? [height, width];
        expect(made.shape).toEqual([count, 3, ...size]);
        expect(made.dtype).toBe(["toFloat", "imagenetNormalization", "domainbedAugmentation", "compose"].includes(name) ? "float32" : dtype);
        if (count === 0) return;
        expect(distance(images, before)).toBe(0);
        const [low, high] = name === "imagenetNormalization" || name === "compose" ? [-2.2, 2.7] : [0, made.dtype === "uint8" ? 255 : 1 + 1e-6];
        expect(made.amin().item()).toBeGreaterThanOrEqual(low!);
        expect(made.amax().item()).toBeLessThanOrEqual(high!);
      });
    }), { numRuns: 25, seed: 42 });
  });

  test("refuses what is no batch of RGB images, by its name", () => {
    const images = makeImages([2, 3, 8, 8], "uint8");
    const called = name === "imagenetNormalization" ? "normalize" : name;
    const unbatched = new RegExp(`^${called}: .*\\[B, 3, H, W\\], got \\[3, 8, 8\\]; x\\.unsqueeze`);
    expectError(() => transform.apply(images.select(0, 0), generator), "ERR_SHAPE", unbatched);
    expectError(() => transform.apply(images.permute(0, 2, 3, 1), generator), "ERR_SHAPE", /got \[2, 8, 8, 3\]; x\.permute/);
    expectError(() => transform.apply(images.narrow(1, 0, 1), generator), "ERR_SHAPE", /got \[2, 1, 8, 8\]$/);
    expectError(() => transform.apply(zeros([2, 3, 0, 8]), generator), "ERR_SHAPE", /at least one pixel/);
    expectError(() => transform.apply(images.to("int64"), generator), "ERR_DTYPE", /uint8 .*float32 .*got int64$/);
    expectError(() => transform.apply("images" as never, generator), "ERR_ARGUMENT", /images: expected a Tensor/);
    expectError(() => transform.apply(images, undefined as never), "ERR_ARGUMENT", /generator: expected a Generator, got undefined$/);
  });
});

describe("colours without hue, and at their limits", () => {
  const limits = { black: [0, 0, 0], white: [1, 1, 1], grey: [0.5, 0.5, 0.5], red: [1, 0, 0], cyan: [0, 1, 1], "nearly grey": [0.5, 0.5, 0.5000001] };
  test.each(Object.entries(limits))("%s", (_, colour) => {
    const images = tensor(colour).reshape(1, 3, 1, 1).expand(1, 3, 5, 4).contiguous();
    const values = (x: Tensor) => x.select(3, 0).select(2, 0).select(0, 0).toArray() as number[];
    const turned = values(adjustHue(images, 0.5));
    // Half a turn mirrors a colour in the middle of its own range.
    const middle = Math.max(...colour) + Math.min(...colour);
    turned.forEach((value, i) => expect(value).toBeCloseTo(middle - colour[i]!, 5));
    const jittered = colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.5 }).apply(images, generator);
    expect((jittered.toArray() as number[][][][]).flat(3).every((value) => value >= 0 && value <= 1)).toBe(true);
    expect(values(adjustSaturation(images, 0)).every((value) => Math.abs(value - values(rgbToGrayscale(images))[0]!) < 1e-6)).toBe(true);
    expect(distance(adjustBrightness(images, 0), zeros(images.shape))).toBe(0);
    expect(distance(adjustHue(images, 0), images)).toBeLessThan(1e-6);
  });

  test("colour jitter of nothing changes nothing", () => {
    const images = makeImages([3, 3, 5, 4], "float32");
    expect(distance(colorJitter().apply(images, generator), images)).toBe(0);
    expect(distance(colorJitter({ brightness: [1, 1], hue: 0 }).apply(images, generator), images)).toBe(0);
  });
});

describe("what holds for every image", () => {
  test("each image of a batch is changed as it would be alone", () => {
    const factors = fc.array(fc.double({ min: 0, max: 2, noNaN: true }), { minLength: 1, maxLength: 4 });
    const steps = [adjustBrightness, adjustContrast, adjustSaturation, adjustSharpness] as const;
    fc.assert(fc.property(factors, fc.constantFrom(...steps), fc.constantFrom<ImageDType>("uint8", "float32"), (each, step, dtype) => scope(() => {
      const images = makeImages([each.length, 3, 6, 5], dtype);
      const together = step(images, each);
      each.forEach((factor, i) => expect(distance(together.narrow(0, i, 1), step(images.narrow(0, i, 1), factor))).toBeLessThanOrEqual(dtype === "uint8" ? 1 : 1e-6));
    })), { numRuns: 60, seed: 42 });
  });

  test("mirroring twice, and cutting out the whole at its size, give the image back", () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 30 }));
    fc.assert(fc.property(sizes, fc.constantFrom<ImageDType>("uint8", "float32"), ([height, width], dtype) => scope(() => {
      const images = makeImages([2, 3, height, width], dtype);
      const whole = new Array<CropBox>(2).fill({ top: 0, left: 0, height, width });
      expect(distance(horizontalFlip(horizontalFlip(images)), images)).toBe(0);
      expect(distance(resizedCrop(images, whole, [height, width]), images)).toBe(0);
      expect(distance(resizedCrop(images, whole, [height, width], { flips: [true, false] }).narrow(0, 0, 1), horizontalFlip(images.narrow(0, 0, 1)))).toBe(0);
    })), { numRuns: 40, seed: 42 });
  });

  test("a box of one colour stays of it, whatever lies around, at any size", () => {
    const place = fc.tuple(fc.integer({ min: 0, max: 19 }), fc.integer({ min: 0, max: 19 }), fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 20 }));
    fc.assert(fc.property(place, fc.integer({ min: 1, max: 50 }), ([top, left, height, width], size) => scope(() => {
      const box = { top: Math.min(top, 20 - height), left: Math.min(left, 20 - width), height, width };
      const images = zeros([1, 3, 20, 20]);
      images.narrow(2, box.top, height).narrow(3, box.left, width).fill_(0.75);
      expect(distance(resizedCrop(images, [box], [size, size]), full([1, 3, size, size], 0.75))).toBeLessThan(1e-6);
    })), { numRuns: 60, seed: 42 });
  });
});

describe("errors", () => {
  const images = makeImages([2, 3, 8, 9], "uint8");
  const box = { top: 0, left: 0, height: 8, width: 9 };
  test.each([
    ["a probability above 1", () => randomHorizontalFlip({ p: 1.5 }), /randomHorizontalFlip: p: expected a number from 0 to 1/],
    ["a misspelt option", () => randomGrayscale({ probability: 1 } as never), /unknown option 'probability'; the options are p/],
    ["no size", () => resize({} as never), /resize: size: expected a number of pixels or \[height, width\], got undefined/],
    ["size 0", () => centerCrop({ size: [0, 3] }), /centerCrop: size\[0\]: expected an integer from 1/],
    ["a scale of 0", () => randomResizedCrop({ size: 8, scale: [0, 1] }), /randomResizedCrop: scale: expected two finite numbers above 0, got the number 0/],
    ["bounds in the wrong order", () => randomResizedCrop({ size: 8, ratio: [2, 1] }), /ratio: expected \[low, high\]/],
    ["a negative brightness", () => colorJitter({ brightness: -0.1 }), /colorJitter: brightness: expected/],
    ["a hue above half the circle", () => colorJitter({ hue: 0.6 }), /colorJitter: hue: expected a number from 0 to 0.5/],
    ["a hue range beyond it", () => colorJitter({ hue: [-0.7, 0] }), /colorJitter: hue\[0\]/],
    ["an even kernel", () => gaussianBlur({ kernelSize: 4 }), /gaussianBlur: kernelSize: expected an odd number/],
    ["no width of blur", () => gaussianBlur({ kernelSize: 3, sigma: 0 }), /gaussianBlur: sigma: expected numbers above 0/],
    ["a std of 0", () => normalize({ mean: [0, 0, 0], std: [1, 0, 1] }), /normalize: std: expected three finite numbers above 0, got the number 0/],
    ["a mean of two", () => normalize({ mean: [0, 0], std: [1, 1, 1] }), /normalize: mean: .* array of length 2/],
    ["a magnitude out of range", () => randAugment({ magnitude: 31 }), /randAugment: magnitude: expected an integer from 0 to 30/],
    ["one magnitude alone", () => randAugment({ numMagnitudeBins: 1 }), /numMagnitudeBins: expected an integer of at least 2/],
    ["no transform in a list", () => compose([randAugment] as never), /compose: transforms\[0\]: expected a Transform/],
    ["an image size of 0", () => domainbedAugmentation({ imageSize: 0 }), /domainbedAugmentation: imageSize/],
    ["a negative factor", () => adjustContrast(images, -1), /adjustContrast: factor: expected/],
    ["a factor that is none", () => adjustBrightness(images, [1, NaN]), /adjustBrightness: factor\[1\]/],
    ["a hue factor above 0.5", () => adjustHue(images, 0.51), /adjustHue: factor: expected a number from -0.5 to 0.5/],
    ["half a bit", () => posterize(images, 1.5), /posterize: bits: expected an integer/],
    ["a threshold beyond the values", () => solarize(images, 256), /solarize: threshold: expected a number from 0 to 255/],
    ["two channels of grey", () => rgbToGrayscale(images, 2 as never), /outputChannels: expected 1 or 3/],
    ["a box beyond the image", () => resizedCrop(images, [box, { ...box, left: 1 }], [4, 4]), /boxes\[1\]\.left: expected an integer from 0 to 0/],
    ["uint8 of float32", () => resizedCrop(images.to("float32"), [box, box], [4, 4], { dtype: "uint8" }), /resizedCrop: dtype/],
    ["an angle that is none", () => rotate(images, Infinity), /affine: angle: expected a finite number/],
    ["a scale of 0 in affine", () => affine(images, { scale: 0 }), /affine: scale: expected a number above 0/],
    ["an interpolation of another name", () => affine(images, {}, { interpolation: "cubic" as never }), /affine: interpolation/],
    ["a size of one number for resizeImages", () => resizeImages(images, 4 as never), /resizeImages: size: expected \[height, width\]/],
    ["no generator", () => drawCropBoxes([[4, 4]], undefined as never), /drawCropBoxes: generator/],
  ] as const)("%s", (_, action, message) => void expectError(action, "ERR_ARGUMENT", message));

  test.each([
    ["factors for another batch", () => adjustSaturation(images, [1, 1, 1]), /adjustSaturation: factor: .* one for each image, got 3/],
    ["boxes for another batch", () => resizedCrop(images, [box], [4, 4]), /resizedCrop: boxes: expected 2/],
    ["flips for another batch", () => resizedCrop(images, [box, box], [4, 4], { flips: [true] }), /resizedCrop: flips: expected 2/],
    ["a kernel beyond the image", () => gaussianBlurImages(images, 17, 1), /a kernel of \[17, 17\] needs images of at least \[9, 9\] pixels/],
    ["parameters for another batch", () => affine(images, [{}]), /affine: expected parameters for 2 images, got 1/],
    ["an image without a batch", () => equalize(images.select(0, 0)), /equalize: expected RGB images/],
    ["grey images", () => autocontrast(images.narrow(1, 0, 1)), /autocontrast: expected RGB images/],
  ] as const)("%s", (_, action, message) => void expectError(action, "ERR_SHAPE", message));
});
