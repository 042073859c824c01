/** Calls that read or wrote beyond their memory: each was found in a build with sanitizers. Here they are errors, or give what they should. */
import { capture, ERM, fromBytes, Generator, ones, ops, rand, randn, SGD, tensor, zeros, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";

describe("memory beyond its end", () => {
  test.each([["larger", 4000], ["smaller", 3]])("is not read where somebody made a gradient %s that a captured function adds to", (_, size) => {
    const [w, other] = [ones([8], { requiresGrad: true }), ones([8], { requiresGrad: true })];
    const optimizer = new ERM([w], SGD, { lr: 0.01 });
    const loss = capture((x: Tensor) => w.mul(x).mul(other).sum());
    const step = () => optimizer.step([loss.on(randn([8])), loss.on(randn([8]))]);
    for (let i = 0; i < 5; i++) step();
    ops.aten["resize_.default"](other.grad!, [size]);
    expectError(step, "ERR_SHAPE", new RegExp(`size of tensor a \\(${size}\\) must match the size of tensor b \\(8\\)`));
  });

  // float32 has no halves from 2^23 on.
  test.each([2 ** 23 + 2, 2 ** 24 - 2])("is not read by crops of %i rows", (rows) => {
    const image = ops.aten["fill_.Scalar"](zeros([1, 3, rows, 1], { dtype: "uint8" }), 7);
    const cropped = ops.dgsam.resized_crop(image, [0, 0, rows, 1], [0], rows, 1);
    expect([cropped.min().item(), cropped.max().item()]).toEqual([7, 7]);
  });

  test("is not written to where a program's ArrayBuffer makes smaller ones", () => {
    const { ArrayBuffer: original } = globalThis;
    const x = randn([1000]);
    try {
      globalThis.ArrayBuffer = class extends original {
        constructor(bytes: number) {
          super(Math.min(8, bytes));
        }
      } as never;
      expectError(() => x.toBytes(), "ERR_STATE", /globalThis\.ArrayBuffer makes buffers of other sizes than it is asked for/);
    } finally {
      globalThis.ArrayBuffer = original;
    }
    expect(x.toBytes().length).toBe(4000);
  });

  test("of a ledger is none of its places", () => {
    const ledger = zeros([6], { dtype: "float64" });
    for (const at of [6n, 2n ** 63n - 1n]) expect(() => ops.dgsam.note_([ones([])], ledger, at)).toThrow(/'at': expected a place from 1 to 5 of a ledger of 6, got \d+/);
  });

  test("of a result is refused in namespaces whose operators leave that to their callers", () => {
    const reinterpret = (size: number, stride: number, offset: number) => (ops.inductor as unknown as Record<string, (...args: unknown[]) => Tensor>)["_reinterpret_tensor.default"]!(tensor([1, 2, 3, 4]), [size], [stride], offset);
    expect(reinterpret(2, 1, 1).toArray()).toEqual([2, 3]);
    for (const [size, stride, offset] of [[2_000_000_000, 1, 0], [4, 1, 1], [2, 4, 0]] as const)
      expectError(() => reinterpret(size, stride, offset), "ERR_ARGUMENT", /_reinterpret_tensor.*: the result would reach beyond its memory/);
  });

  test("holds none of a generator's numbers", () => {
    const generator = new Generator().manualSeed(3);
    rand([5], { generator });
    const state = generator.getState();
    const expected = rand([700], { generator }).toArray();
    const spoiled = (left: number, next: bigint): Tensor => {
      const bytes = state.toBytes().slice();
      const view = new DataView(bytes.buffer, bytes.byteOffset);
      view.setInt32(8, left, true);
      view.setBigUint64(16, next, true);
      return fromBytes(bytes, { shape: state.shape, dtype: "uint8" });
    };
    for (const [left, next] of [[624, 624n], [624, 2n], [2, 624n]] as const)
      expectError(() => generator.setState(spoiled(left, next)), "ERR_ARGUMENT", /expected a state that getState\(\) gave: this one would have numbers drawn from beyond it/);
    for (const [left, next] of [[624, 1n], [1, 0n], [1, 624n]] as const) generator.setState(spoiled(left, next));
    generator.setState(state);
    expect(rand([700], { generator }).toArray()).toEqual(expected);
  });
});
