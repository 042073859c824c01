/** The images that `dgsam compare --data` trains on, beside those that it evaluates. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { BatchNorm2d, domainFolder, Generator, makeModel, RandomState, saveWeights, scope, type ImageClassifier, type ImageDataset, type Tensor } from "dgsam";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { comparisonOf } from "../../lib/cli/compare-data.js";
import { keyMap } from "../../lib/models/pretrained/key-maps.js";
import { writeTree } from "../data/images/files.js";
import { TIMM } from "../models/pretrained/timm-keys.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-compare-data-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** As detailed as can be: noise of 160 pixels' width. */
beforeAll(async () => {
  const images = await Promise.all(["north", "south"].flatMap((site) => ["ok", "scratch"].map(async (label, i) => {
    const pixels = Uint8Array.from({ length: 160 * 160 * 3 }, ((random) => () => random.randint(0, 256))(new RandomState(i)));
    return [`sites/${site}/${label}/1.png`, await sharp(pixels, { raw: { width: 160, height: 160, channels: 3 } }).png().toBuffer()] as const;
  })));
  writeTree(folder, Object.fromEntries(images));
});

/** The mean difference of neighbours. */
const detail = (x: Tensor): number => scope(() => Number(x.narrow(3, 1, x.shape[3]! - 1).sub(x.narrow(3, 0, x.shape[3]! - 1)).abs().mean().item()));

/** That of 64 images to train on, over that of the same to evaluate. */
async function sharpness({ domains: [domain] }: Pick<ImageDataset, "domains">): Promise<number> {
  const indices = Array.from({ length: 64 }, (_, i) => i % 2);
  const [trained, evaluated] = [await domain!.load(indices, { generator: new Generator().manualSeed(1) }), await domain!.load(indices)];
  return detail(trained.x) / detail(evaluated.x);
}

describe("images to train on are as sharp as those to evaluate", () => {
  beforeAll(() => void vi.stubEnv("XDG_CACHE_HOME", path.join(folder, "cache")));
  afterAll(() => void vi.unstubAllEnvs());
  const settings = { data: [path.join(folder, "sites")], model: "wide_resnet16_2" as const, imageSize: 40, seed: 0 };

  test("resized twice they are nearly so, out of a cache of the network's size they are not", async () => {
    const usual = await comparisonOf(settings);
    expect(usual.about).toMatchObject({ protocol: "cached", cacheSize: 80 });
    expect(await sharpness(usual.dataset as ImageDataset)).toBeGreaterThan(0.8);
    using small = domainFolder(settings.data[0]!, { imageSize: 40 });
    expect(await sharpness(small)).toBeLessThan(0.75);
  });

  test("small originals of one size are cropped as protocol domainbed crops them", async () => {
    const [usual, cropped] = [await comparisonOf({ ...settings, imageSize: 54 }), await comparisonOf({ ...settings, imageSize: 54, protocol: "domainbed" })];
    expect(usual.about).toMatchObject({ protocol: "cached", cacheSize: 160 });
    expect(cropped.about).toMatchObject({ protocol: "domainbed" });
    expect(cropped.about).not.toHaveProperty("cacheSize");
    const [sharp, asSharp] = [await sharpness(usual.dataset as ImageDataset), await sharpness(cropped.dataset as ImageDataset)];
    expect(Math.min(sharp, asSharp)).toBeGreaterThan(0.85);
    expect(sharp / asSharp).toBeCloseTo(1, 1);
  });
});

test("networks compute as the one that the weights were loaded into, and their last layer is not missed", async () => {
  vi.stubEnv("XDG_CACHE_HOME", path.join(folder, "cache"));
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  try {
    const name = "mobilenet_v3_small";
    const keys = TIMM.find(([each]) => each === name)![1];
    const [map, state] = [keyMap(name, "timm", keys), makeModel(name, { numClasses: 3 }).stateDict()];
    const weights = path.join(folder, "timm.safetensors");
    saveWeights(weights, Object.fromEntries(keys.map((key) => [key, state[map(key)]!])));
    const { makeModel: make, dataset } = await comparisonOf({ data: [path.join(folder, "sites")], model: name, imageSize: 40, seed: 0, pretrained: weights });
    const norms = (make(dataset) as unknown as ImageClassifier).modules().filter((each) => each instanceof BatchNorm2d);
    expect(norms.length).toBeGreaterThan(10);
    // timm's; torchvision's network has 0.001.
    expect(new Set(norms.map(({ eps }) => eps))).toEqual(new Set([1e-5]));
    expect(warned.mock.calls).toEqual([[expect.objectContaining({ message: expect.stringMatching(/cannot be told apart/) as string })]]);
  } finally {
    warned.mockRestore();
    vi.unstubAllEnvs();
  }
});
