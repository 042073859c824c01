/** Images of other than 3 channels: DomainBed gives its ResNets' first convolution the weights of the three in turn. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Generator, loadPretrained, makeModel, memoryStats, noGrad, randn, saveWeights } from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectRejection } from "../../data/images/files.js";
import { bits, values, worstError } from "../../optim/support.js";
import { hasTorch, oracle } from "../../reference/oracle.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-channels-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const CHANNELS = [1, 2, 3, 5];

describe.skipIf(!hasTorch)("a ResNet for other channels computes what DomainBed's does (skipped: no Python with torch)", () => {
  let answers: number[][];
  beforeAll(() => {
    answers = oracle<number[][]>("models/pretrained/channels.py", { folder, channels: CHANNELS });
  });

  test.each(CHANNELS.map((inChannels, i) => ({ inChannels, i })))("$inChannels", async ({ inChannels, i }) => {
    const model = (await loadPretrained("resnet18", join(folder, "rgb.pth"), { inChannels, numClasses: 4 })).eval();
    expect(model.conv1.weight.shape).toEqual([64, inChannels, 7, 7]);
    const x = randn([2, inChannels, 40, 40], { generator: new Generator().manualSeed(7) });
    expect(worstError(values(noGrad(() => model.forward(x))), answers[i]!)).toBeLessThanOrEqual(1e-5);
    model.dispose();
  });
});

test("the three channels are taken in turn, in any dtype, and nothing is left behind; a file for these channels is loaded as it is", async () => {
  const path = join(folder, "own.safetensors");
  const rgb = makeModel("resnet18", { numClasses: 2, dtype: "bfloat16" });
  saveWeights(path, rgb.stateDict());
  const held = memoryStats().handles;
  (await loadPretrained("resnet18", path, { inChannels: 4, numClasses: 2 })).dispose();
  expect(memoryStats().handles).toBe(held);
  const four = await loadPretrained("resnet18", path, { inChannels: 4, numClasses: 2, dtype: "bfloat16" });
  const of = ({ conv1 }: typeof rgb, channel: number): string[] => bits([conv1.weight.detach().narrow(1, channel, 1).contiguous()]);
  expect([0, 1, 2, 3].map((channel) => of(four, channel))).toEqual([0, 1, 2, 0].map((channel) => of(rgb, channel)));
  four.conv1.weight.detach().zero_();
  saveWeights(path, four.stateDict());
  const again = await loadPretrained("resnet18", path, { inChannels: 4, numClasses: 2, dtype: "bfloat16" });
  expect(bits(Object.values(again.stateDict()))).toEqual(bits(Object.values(four.stateDict())));
});

test("what does not fit is said", async () => {
  const path = join(folder, "gray.safetensors");
  saveWeights(path, makeModel("resnet18", { inChannels: 1 }).stateDict());
  await expectRejection(() => loadPretrained("resnet18", path), "ERR_ARGUMENT", /conv1.weight: expected shape \[64, 3, 7, 7\], got \[64, 1, 7, 7\]/);
  await expectRejection(() => loadPretrained("resnet18", path, { inChannels: 0 }), "ERR_ARGUMENT", /loadPretrained: inChannels: expected an integer of at least 1, got the number 0/);
  await expectRejection(() => loadPretrained("convnext_tiny", path, { inChannels: 4 }), "ERR_ARGUMENT", /inChannels: only for resnet18, .*mnist_cnn; convnext_tiny takes images of 3 channels/);
  expect(() => makeModel("resnet50", { inChannels: 0 })).toThrow(/ResNet: inChannels: expected an integer of at least 1, got the number 0/);
});

test("the wide ones and the one for digits are made for their channels", async () => {
  for (const [name, inChannels] of [["wide_resnet16_2", 2], ["mnist_cnn", 2]] as const) {
    const path = join(folder, `${name}.safetensors`);
    const before = makeModel(name, { inChannels });
    saveWeights(path, before.stateDict());
    const after = await loadPretrained(name, path, { inChannels });
    expect(bits(Object.values(after.stateDict()))).toEqual(bits(Object.values(before.stateDict())));
  }
});
