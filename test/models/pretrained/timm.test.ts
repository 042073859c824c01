/**
 * timm's networks tf_... have the keys of others, TensorFlow's padding and its epsilon. What they compute is compared with PyTorch in image-networks.test.ts;
 * here a file with timm's names becomes the one or the other.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, loadPretrained, makeModel, manualSeed, noGrad, randn, saveWeights, type Backbone, type Tensor } from "dgsam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi, type MockInstance } from "vitest";
import { keyMap } from "../../../lib/models/pretrained/key-maps.js";
import { expectRejection } from "../../data/images/files.js";
import { values } from "../../optim/support.js";
import { TIMM } from "./timm-keys.js";

let folder: string;
let warned: MockInstance<typeof process.emitWarning>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-timm-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
});
afterEach(() => warned.mockRestore());

const TWINS = [
  ["efficientnet_lite0", "efficientnet_lite0", "same"], ["efficientnet_b0", "efficientnet_b0", "symmetric"],
  ["mobilenet_v3_large", "mobilenetv3_large_100", "symmetric"], ["mobilenet_v3_small", "mobilenetv3_small_100", "symmetric"],
] as const;
const EPS = { same: 1e-3, symmetric: 1e-5 };

/** Of images with an odd side, which both paddings see otherwise. */
const outputs = (model: Backbone): number[] => values(noGrad(() => model.eval().forward(randn([1, 3, 45, 64], { generator: new Generator().manualSeed(7) }))));

describe.each(TWINS)("%s", (name, twin, usual) => {
  const make = (padding: "same" | "symmetric"): Backbone => {
    manualSeed(3);
    const model = makeModel(name, { numClasses: 5, padding, eps: EPS[padding] });
    // Small variances, so that epsilon counts.
    for (const [key, each] of Object.entries(model.stateDict())) if (key.endsWith("running_var")) each.mul_(0.01);
    return model;
  };
  const path = (): string => join(folder, `${name}.safetensors`);

  test("with timm's names is what padding says it is, and that is asked for", async () => {
    const state = make("same").stateDict();
    const keys = TIMM.find(([each]) => each === name)![1];
    const map = keyMap(name, "timm", keys);
    saveWeights(path(), Object.fromEntries(keys.map((key): [string, Tensor] => [key, state[map(key)]!])));
    const [same, symmetric] = [outputs(make("same")), outputs(make("symmetric"))];
    expect(same).not.toEqual(symmetric);
    expect(outputs(await loadPretrained(name, path(), { numClasses: 5, padding: "same" }))).toEqual(same);
    expect(outputs(await loadPretrained(name, path(), { numClasses: 5, padding: "symmetric" }))).toEqual(symmetric);
    expect(warned).not.toHaveBeenCalled();
    expect(outputs(await loadPretrained(name, path(), { numClasses: 5 }))).toEqual(usual === "same" ? same : symmetric);
    expect(warned.mock.calls).toEqual([[expect.objectContaining({ code: "WARN_DATA", message:
      `loadPretrained("${name}"): ${name}.safetensors: weights of timm's ${twin} and tf_${twin} cannot be told apart, and give wrong numbers in the other's place: ` +
      `taken for those of ${usual === "same" ? "tf_" : ""}${twin}. Say which they are: padding: "symmetric" for ${twin}, padding: "same" for tf_${twin}` })]]);
  });

  test("with its own names is what makeModel gives, and nothing is asked", async () => {
    const model = makeModel(name, { numClasses: 5 });
    saveWeights(path(), model.stateDict());
    const loaded = await loadPretrained(name, path(), { numClasses: 5 });
    expect([loaded.padding, outputs(loaded)]).toEqual([usual, outputs(model)]);
    expect(warned).not.toHaveBeenCalled();
  });
});

test("what is wrong is said", async () => {
  await expectRejection(() => loadPretrained("resnet18", "x.pth", { padding: "same" }), "ERR_ARGUMENT", /padding: only for mobilenet_v3_small, .*; resnet18 pads in one way only/);
  await expectRejection(() => loadPretrained("efficientnet_b0", "x.pth", { padding: "tf" as never }), "ERR_ARGUMENT", /loadPretrained: padding: expected "symmetric" or "same", got the string "tf"/);
  for (const [name] of TWINS) {
    expect(() => makeModel(name, { padding: 1 as never })).toThrow(/: padding: expected "symmetric" or "same", got the number 1/);
    expect(() => makeModel(name, { eps: -1 })).toThrow(/: eps: expected /);
  }
});
