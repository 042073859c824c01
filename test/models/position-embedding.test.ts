import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadPretrained, makeModel, manualSeed, memoryStats, ones, randn, saveWeights, zeros, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { resizedPositions } from "../../lib/models/position-embedding.js";
import { expectRejection } from "../data/images/files.js";
import { hasTorch, oracle } from "../reference/oracle.js";

const POSITIONS = "encoder.pos_embedding";
const values = (tensor: Tensor): number[] => Array.from(tensor.data() as Float64Array, Number);

test.skipIf(!hasTorch)("positions are those of torchvision's interpolate_embeddings, larger and smaller (skipped without PyTorch)", () => {
  manualSeed(3);
  const cases = ([[14, 6], [14, 24], [2, 7], [3, 1], [1, 4], [5, 5]] as const).flatMap(([own, side]) =>
    (["float32", "float64"] as const).map((dtype) => ({ own, side, dtype, embedding: randn([1, own * own + 1, 3], { dtype }) })));
  const request = cases.map(({ side, dtype, embedding }) => ({ side, dtype, shape: embedding.shape, values: values(embedding) }));
  const { answers } = oracle<{ answers: number[][] }>("models/interpolated_positions.py", { cases: request });
  cases.forEach(({ side, dtype, embedding }, i) => {
    const made = resizedPositions(embedding, side);
    expect(made.shape).toEqual([1, side * side + 1, 3]);
    expect(made.dtype).toBe(dtype);
    // The same kernel; Python's JSON has all digits.
    expect(values(made)).toEqual(answers[i]);
  });
});

test("what is for no square, and what fits, stays itself; nothing else stays", () => {
  const { handles } = memoryStats();
  for (const [shape, side] of [[[1, 6, 3], 4], [[2, 5, 3], 4], [[5, 3], 4], [[1, 1, 3], 4], [[1, 17, 3], 4]] as const) {
    const embedding = randn([...shape]);
    expect(resizedPositions(embedding, side)).toBe(embedding);
    embedding.dispose();
  }
  const embedding = randn([1, 5, 3]);
  resizedPositions(embedding, 4).dispose();
  embedding.dispose();
  expect(memoryStats().handles).toBe(handles);
});

test("vit_b_16 for images of another size than its weights' takes all of them, with its positions interpolated", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "dgsam-vit-"));
  try {
    const path = join(folder, "vit.safetensors");
    // In half the bytes, and without 86 million random numbers.
    const shapes = makeModel("vit_b_16", { imageSize: 48, numClasses: 3, device: "meta" }).stateDict();
    const before = Object.fromEntries(Object.entries(shapes).map(([key, { shape }]) => [key, zeros(shape, { dtype: "bfloat16" })]));
    before[POSITIONS] = randn([1, 10, 768]).to({ dtype: "bfloat16" });
    before["conv_proj.weight"] = ones(shapes["conv_proj.weight"]!.shape, { dtype: "bfloat16" });
    saveWeights(path, before);
    const model = await loadPretrained("vit_b_16", path, { imageSize: 32, numClasses: 3, dtype: "bfloat16" });
    const after = model.stateDict();
    expect(model.imageSize).toBe(32);
    expect(values(after[POSITIONS]!.float())).toEqual(values(resizedPositions(before[POSITIONS], 2).float()));
    expect(after["conv_proj.weight"]!.toBytes()).toEqual(before["conv_proj.weight"].toBytes());
    expect(model.forward(randn([1, 3, 32, 32]).to({ dtype: "bfloat16" })).shape).toEqual([1, 3]);
    model.dispose();
  } finally {
    rmSync(folder, { recursive: true });
  }
  await expectRejection(() => loadPretrained("resnet18", "x.pth", { imageSize: 96 }), "ERR_ARGUMENT", /imageSize: only for vit_b_16; resnet18 takes images of any size/);
  await expectRejection(() => loadPretrained("vit_b_16", "x.pth", { imageSize: 100 }), "ERR_ARGUMENT", /imageSize: expected a multiple of the patch size 16, got 100/);
  await expectRejection(() => loadPretrained("vit_b_16", "x.pth", { imageSize: 0 }), "ERR_ARGUMENT", /imageSize: expected an integer of at least 1/);
});
