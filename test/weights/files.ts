/** Files for the tests of this room. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fromBytes, RandomState, Tensor, type DType } from "dgsam";
import { expect } from "vitest";

export const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));

/** Runs `use` with a new folder and removes it afterwards. */
export function withFolder<R>(use: (path: (name: string) => string) => R): R {
  const folder = mkdtempSync(join(tmpdir(), "dgsam-weights-"));
  try {
    return use((name) => join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A tensor as text that can be compared: bits, not values. */
export interface TensorText {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: string;
}

export function textOf(tensor: Tensor): TensorText {
  return { dtype: tensor.dtype, shape: tensor.shape, bytes: Buffer.from(tensor.toBytes()).toString("hex") };
}

export function textsOf(dict: Readonly<Record<string, Tensor>>): Record<string, TensorText> {
  return Object.fromEntries(Object.entries(dict).map(([key, tensor]) => [key, textOf(tensor)]));
}

/** Plain values with tensors as text. */
export function plainTexts(value: unknown): unknown {
  if (value instanceof Tensor) return textOf(value);
  if (Array.isArray(value)) return value.map(plainTexts);
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (value instanceof Map) return { map: [...value].map(plainTexts) };
  if (value instanceof Set) return { set: [...value].map(plainTexts) };
  if (typeof value === "bigint") return { bigint: String(value) };
  if (typeof value === "object" && value !== null) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plainTexts(each)]));
  return value;
}

export const random = (bytes: number, seed: number): Uint8Array => {
  const state = new RandomState(seed);
  return Uint8Array.from({ length: bytes }, () => state.randint(0, 256));
};

export function expectTensors(actual: Readonly<Record<string, Tensor>>, expected: Readonly<Record<string, Tensor>>): void {
  expect(textsOf(actual)).toEqual(textsOf(expected));
}

/** A tensor of these bytes; of bool each is cut to 0 or 1. */
export function tensorOfBytes(bytes: Uint8Array, dtype: DType, shape: readonly number[]): Tensor {
  return fromBytes(dtype === "bool" ? bytes.map((byte) => byte & 1) : bytes, { dtype, shape });
}
