/** Tensors are no JSON: their data is not left out in silence, and a replacer may take them out. */
import { Adam, DGSAM, Linear, ones, openSafetensors, saveWeights, scope, Tensor, tensor } from "dgsam";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test, vi } from "vitest";
import { expectError, stateBits } from "../optim/support.js";

test("the text has no data, which is warned of once", () => {
  const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
  const texts = [tensor([1, 2]), new Linear(2, 3).stateDict(), [1, [tensor(1n)]]].map((each) => JSON.parse(JSON.stringify(each)) as unknown);
  expect(texts).toEqual([{ tensorWithoutData: "float32 [2]" }, { weight: { tensorWithoutData: "float32 [3, 2]" }, bias: { tensorWithoutData: "float32 [3]" } }, [1, [{ tensorWithoutData: "int64 []" }]]]);
  expect(warned.mock.calls.map(([warning]) => warning)).toEqual([expect.objectContaining({ name: "DgsamWarning", code: "WARN_JSON", message: expect.stringMatching(/^JSON\.stringify\(\) leaves out the data of tensors; saveWeights\(\)/) as string })]);
  warned.mockRestore();
  expectError(() => new Linear(2, 3).loadStateDict(texts[1] as never), "ERR_ARGUMENT", /what was left of a Tensor copied by .* or JSON/);
  const gone = tensor(1);
  gone.dispose();
  expect(JSON.stringify(gone)).toBe('{"tensorWithoutData":"disposed"}');
});

test("a replacer gets the tensor", () => {
  const x = tensor([[1, 2], [3, 4]]);
  const text = JSON.stringify({ step: 3, x }, (_, value: unknown) => (value instanceof Tensor ? { shape: value.shape, values: value.toArray() } : value));
  expect(JSON.parse(text)).toEqual({ step: 3, x: { shape: [2, 2], values: [[1, 2], [3, 4]] } });
  expect(x.disposed).toBe(false);
});

test("what is left of a tensor is named as such", () => {
  const { handle, tracking } = tensor(1) as unknown as Record<string, number>;
  expectError(() => ones([1]).add({ handle, tracking } as never), "ERR_ARGUMENT", /what was left of a Tensor copied by postMessage\(\), structuredClone\(\) or JSON/);
});

test("an optimizer's whole state fits into one file, as docs/weights.md has it", () => {
  const model = new Linear(3, 2);
  const optimizer = new DGSAM(model.parameters(), Adam, { lr: 0.1 });
  const step = () => optimizer.step([1, 2].map((size) => () => model.forward(ones([size, 3])).square().mean()));
  step();
  const file = path.join(mkdtempSync(path.join(os.tmpdir(), "dgsam-json-")), "run.safetensors");
  try {
    scope(() => {
      const tensors = new Map<string, Tensor>();
      const take = (each: Tensor) => {
        const key = `tensor ${tensors.size}`;
        tensors.set(key, each.detach().clone());
        return { key };
      };
      const state = JSON.stringify({ model: model.stateDict(), optimizer: optimizer.stateDict() }, (_, value: unknown) => (value instanceof Tensor ? take(value) : value));
      saveWeights(file, Object.fromEntries(tensors), { metadata: { state } });
    });
    step();
    const expected = stateBits([model.stateDict(), optimizer.stateDict()]);
    const opened = openSafetensors(file);
    const saved = JSON.parse(opened.metadata.state!, (_, value: { key?: unknown } | null) => (typeof value?.key === "string" ? opened.tensor(value.key) : value)) as { model: never; optimizer: never };
    model.loadStateDict(saved.model);
    optimizer.loadStateDict(saved.optimizer);
    step();
    expect(stateBits([model.stateDict(), optimizer.stateDict()])).toEqual(expected);
  } finally {
    rmSync(path.dirname(file), { recursive: true });
  }
});
