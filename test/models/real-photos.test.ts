/**
 * EfficientNet-Lite0 with its ImageNet weights knows real photos: decoding, normalisation, keys, padding and the order of channels are
 * what the weights were trained with. Skipped without PACS, or where the weights cannot be fetched.
 */
import { DgsamError, loadPretrained, MODELS, noGrad, ops, pacs, scope, type Module, type Tensor } from "dgsam";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PACS } from "../data/pacs.js";

/** How many photos of a class are looked at; all of them with DGSAM_ALL_PHOTOS=1. */
const COUNT = process.env["DGSAM_ALL_PHOTOS"] === "1" ? Infinity : 24;

const { mean, std, imageSize } = MODELS.efficientnet_lite0;
const photos = PACS === undefined ? undefined : pacs(PACS, { partial: true, imageSize, normalize: { mean, std }, cache: false });
let model: (Module & { forward(x: Tensor): Tensor }) | undefined;
let problem = "";

beforeAll(async () => {
  if (photos === undefined) return;
  try {
    model = (await loadPretrained("efficientnet_lite0")).eval();
  } catch (error) {
    if (!(error instanceof DgsamError)) throw error;
    problem = error.message;
  }
});
afterAll(() => photos?.dispose());

test.skipIf(photos === undefined).each<[name: string, classes: (label: number) => boolean, atLeast: number]>([
  ["dog", (label) => label >= 151 && label <= 268, 0.9],
  // Tusker, Indian elephant, African elephant.
  ["elephant", (label) => [101, 385, 386].includes(label), 0.85],
  // Acoustic and electric.
  ["guitar", (label) => [402, 546].includes(label), 0.8],
])("photos of a %s come out as such (skipped: no PACS, or no weights)", async (name, belongs, atLeast) => {
  if (model === undefined) return void console.warn(`The photos of a ${name} were not looked at: ${problem}`);
  const { classes, domains } = photos!;
  const domain = domains.find((each) => each.name === "photo")!;
  const own = Array.from(domain.labels, (label, i) => (classes[label] === name ? i : -1)).filter((i) => i >= 0).slice(0, COUNT);
  let right = 0;
  for (const index of own) {
    const { x, y } = await domain.load!([index]);
    right += scope(() => (belongs(Number(noGrad(() => ops.aten["argmax.default"](model!.forward(x))).item())) ? 1 : 0));
    x.dispose();
    y.dispose();
  }
  expect(right / own.length).toBeGreaterThanOrEqual(atLeast);
}, 120_000);
