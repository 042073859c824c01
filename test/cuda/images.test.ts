/** Augmentation and training on images on a device; augmentation against the CPU's, with the same draws. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import {
  capture, colorJitter, compose, domainbedAugmentation, domainFolder, gaussianBlur, Generator, ImageClassifier, imagenetNormalization, leaveOneDomainOut, makeModel, ops, rand, randAugment, randint, randomGrayscale,
  randomHorizontalFlip, randomResizedCrop, resize, scope, setSyncDebugMode, toFloat, train, type TrainEvent, type Tensor, type Transform,
} from "dgsam";
import sharp from "sharp";
import { afterAll, expect, test } from "vitest";
import { values } from "../optim/support.js";
import { describeOnCuda, hasNvcc } from "./support.js";

const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-cuda-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TRANSFORMS: Record<string, Transform> = {
  resize: resize({ size: [37, 29] }), randomResizedCrop: randomResizedCrop({ size: [24, 20] }), randomHorizontalFlip: randomHorizontalFlip(),
  colorJitter: colorJitter({ brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.3 }), randomGrayscale: randomGrayscale({ p: 0.5 }), gaussianBlur: gaussianBlur({ kernelSize: [3, 5] }),
  randAugment: randAugment({ numOps: 3 }), domainbedAugmentation: domainbedAugmentation({ imageSize: 24 }), compose: compose([randomHorizontalFlip(), toFloat(), imagenetNormalization]),
};

describeOnCuda("images", () => {
  test.each(Object.entries(TRANSFORMS).flatMap(([name, transform]) => (["uint8", "float32"] as const).map((dtype) => [name, dtype, transform] as const)))(
    "%s of %s images gives what it gives on the CPU", (_, dtype, transform) =>
      scope(() => {
        const source = new Generator().manualSeed(4);
        const bytes = randint(0, 256, [16, 3, 40, 33], { dtype: "uint8", generator: source });
        const images = dtype === "uint8" ? bytes : bytes.to({ dtype: "float32" }).div(255);
        const [here, there] = ["cpu", "cuda"].map((device) => transform.apply(images.to(device), new Generator().manualSeed(7)));
        expect(there!.device).toBe("cuda:0");
        expect([there!.dtype, there!.shape]).toEqual([here!.dtype, here!.shape]);
        const [a, b] = [values(here!.contiguous()), values(there!.cpu().contiguous())];
        // Where a threshold is crossed by rounding, nearest pixels, levels, a pixel is another one.
        const allowed = here!.dtype === "uint8" ? 1 : 2e-4;
        const others = a.filter((each, i) => !(Math.abs(each - b[i]!) <= allowed)).length;
        expect(others / a.length).toBeLessThan(0.005);
      }));

  test("transforms are recorded with what they are called by", () => {
    const loss = capture((x: Tensor) => imagenetNormalization.apply(x, new Generator()).mean());
    const x = rand([2, 3, 8, 8], { device: "cuda" });
    const results = [1, 2, 3, 4].map(() => loss(x).item());
    expect(loss.stats).toMatchObject({ programs: 1, refused: [] });
    expect(results).toEqual(Array(4).fill(results[0]));
    loss.dispose();
  });

  test.each([["uint8", 5], ["float32", 5], ["uint8", 0]] as const)("dgsam::training_images of %s images, %d steps: the CPU's", (dtype, steps) => {
    scope(() => {
      const source = new Generator().manualSeed(4);
      const bytes = randint(0, 256, [9, 3, 40, 33], { dtype: "uint8", generator: source });
      const images = dtype === "uint8" ? bytes : bytes.to({ dtype: "float32" }).div(255);
      // More than one launch takes.
      const count = 61;
      const kinds = Array.from({ length: count * steps }, (_, i) => (i * 7 + Math.floor(i / steps)) % 5);
      const factors = kinds.map((kind, i) => (kind === 3 ? ((i * 37) % 100) / 100 - 0.5 : ((i * 31) % 17) / 10));
      const boxes = Array.from({ length: count }, (_, i) => [i % 7, i % 5, 20 + (i % 10), 10 + (i % 17)]).flat();
      const make = (place: string) => ops.dgsam.training_images(
        images.to(place), Array.from({ length: count }, (_, i) => i % 9), boxes, Array.from({ length: count }, (_, i) => i % 2), 24, 22, kinds, factors, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]);
      const [here, there] = [values(make("cpu")), values(make("cuda").cpu())];
      const differences = here.map((each, i) => Math.abs(each - there[i]!));
      expect(Math.max(...differences)).toBeLessThan(1e-4);
      expect(differences.filter((each) => each > 0).length / differences.length).toBeLessThan(0.2);
    });
  });

  test("a network learns from a folder of images, and its batches lie on the device", async () => {
    for (const [d, site] of ["a", "b", "c"].entries()) {
      for (const [c, kind] of ["dark", "light"].entries()) {
        mkdirSync(path.join(folder, "images", site, kind), { recursive: true });
        for (let i = 0; i < 12; i++) {
          await sharp({ create: { width: 40, height: 36, channels: 3, background: { r: 40 + 120 * c + 3 * i, g: 30 + 100 * c, b: 20 + 40 * d } } }).png().toFile(path.join(folder, "images", site, kind, `${i}.png`));
        }
      }
    }
    const dataset = domainFolder(path.join(folder, "images"), { imageSize: 32, device: "cuda", memoryFormat: "channels_last", cacheFolder: path.join(folder, "cache") });
    const onCpu = domainFolder(path.join(folder, "images"), { imageSize: 32, cacheFolder: path.join(folder, "cache") });
    for (const load of ["load", "batch"] as const) {
      const [here, there] = await Promise.all([onCpu, dataset].map(({ domains: [first] }) => first![load]!([3, 1, 17, 1], { generator: new Generator().manualSeed(5) })));
      expect([there!.x.device, there!.y.device, there!.x.isContiguous("channels_last")]).toEqual(["cuda:0", "cuda:0", true]);
      expect(there!.x.cpu().sub(here!.x).abs().max().item()).toBeLessThan(1e-4);
      expect(there!.y.toArray()).toEqual(here!.y.toArray());
    }
    onCpu.dispose();
    // The step before may still run: this thread does not wait for it to hand over a batch. The first ones warm up. An addon without nvcc sees no waits.
    for (const mode of hasNvcc ? (["default", "error"] as const) : []) {
      setSyncDebugMode(mode);
      try {
        for (const generator of [new Generator().manualSeed(5), undefined]) {
          const { x, y } = await dataset.domains[1]!.load([3, 1, 17, 1], generator === undefined ? {} : { generator });
          x.dispose();
          y.dispose();
        }
      } finally {
        setSyncDebugMode("default");
      }
    }
    const { sources, target } = leaveOneDomainOut(dataset, 2);
    const makeNetwork = () => new ImageClassifier(makeModel("resnet18"), { numClasses: 2 }).to({ device: "cuda", memoryFormat: "channels_last" });
    const events: TrainEvent[] = [];
    for await (const event of train({ algorithm: "DGSAM", steps: 40, batchSize: 8, lr: 1e-3, rho: 0.05, seed: 0, makeModel: makeNetwork, sources, targets: [target] })) events.push(event);
    const evaluation = events.find((event) => event.type === "evaluation") as { accuracy: number };
    const done = events.at(-1) as Extract<TrainEvent, { type: "done" }>;
    expect(done).toMatchObject({ type: "done", mode: "captured" });
    expect(done.model.parameters()[0]!.device).toBe("cuda:0");
    expect(evaluation.accuracy).toBeGreaterThan(0.9);
    done.model.dispose();
    dataset.dispose();
  });
});
