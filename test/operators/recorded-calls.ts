/** Operator calls that test/oracles/operators/record.py wrote down, and their replay through `ops.aten`. */

import { readFileSync } from "node:fs";
import path from "node:path";
import { DgsamError, manualSeed, operatorSchemas, ops, scope, Tensor } from "dgsam";
import { decode, decodeAll, operator, type Encoded, type EncodedTensor } from "./recorded-values.mjs";

export interface RecordedCall {
  /** `"aten::add.Tensor"` */
  readonly operator: string;
  readonly args: readonly Encoded[];
  readonly kwargs: Readonly<Record<string, Encoded>>;
  readonly result?: Encoded;
  /** What the operator wrote into its arguments. */
  readonly written?: Readonly<Record<string, Encoded>>;
  readonly deterministic?: boolean;
  readonly error?: { readonly type: string; readonly message: string };
  readonly crashed?: string;
  readonly unrecorded?: string;
}

/** record.py seeds with this before each call. */
const SEED = 1234;

/** Results that operators leave for the most part as the memory came: oneDNN's workspace, of which a pass in inference writes a part. */
const UNWRITTEN: Readonly<Record<string, { readonly result: number; readonly argument?: string }>> = {
  "aten::mkldnn_rnn_layer.default": { result: 3 },
  "aten::mkldnn_rnn_layer.out": { result: 3, argument: "out3" },
};

export interface Recording {
  readonly calls: readonly RecordedCall[];
  readonly tensors: Buffer;
}

export function readRecording(folder: string): Recording {
  const lines = readFileSync(path.join(folder, "calls.jsonl"), "utf8").trimEnd().split("\n");
  return { calls: lines.map((line) => JSON.parse(line) as RecordedCall), tensors: readFileSync(path.join(folder, "tensors.bin")) };
}

/** Where a result differs from the recorded one: `null` when it is the same to the last bit. */
function difference(actual: unknown, expected: Encoded, tensors: Buffer, compareValues: boolean): string | null {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `expected ${expected.length} results, got ${String(actual)}`;
    if (actual.length !== expected.length) return `expected ${expected.length} results, got ${actual.length}`;
    for (const [i, each] of expected.entries()) {
      const found = difference(actual[i], each as Encoded, tensors, compareValues);
      if (found !== null) return `[${i}] ${found}`;
    }
    return null;
  }
  if (expected === null) return actual === null || actual === undefined ? null : `expected null, got ${String(actual)}`;
  if (typeof expected === "object" && "tensor" in expected) return tensorDifference(actual, expected.tensor, tensors, compareValues);
  if (!compareValues) return null;
  const plain = plainValue(expected);
  const same = typeof plain === "object" && typeof actual === "object" && actual !== null
    ? JSON.stringify(actual) === JSON.stringify(plain)
    : Object.is(actual, plain) || (typeof actual === "number" && actual === plain);
  return same ? null : `expected ${JSON.stringify(expected)}, got ${String(actual)}`;
}

function plainValue(expected: Encoded): unknown {
  if (typeof expected !== "object" || expected === null) return expected;
  if ("double" in expected) return Number(expected.double);
  if ("bigint" in expected) return BigInt(expected.bigint);
  if ("name" in expected) return expected.name;
  if ("complex" in expected) return { re: plainValue(expected.complex[0]), im: plainValue(expected.complex[1]) };
  return expected;
}

function tensorDifference(actual: unknown, expected: EncodedTensor, tensors: Buffer, compareValues: boolean): string | null {
  if (!(actual instanceof Tensor)) return `expected a tensor, got ${String(actual)}`;
  if (expected.shape === undefined) return null; // a nested tensor has no one shape, and no bytes that can be compared
  if (actual.dtype !== expected.dtype) return `expected dtype ${expected.dtype}, got ${actual.dtype}`;
  if (expected.layout !== undefined && actual.layout !== expected.layout) return `expected layout ${expected.layout}, got ${actual.layout}`;
  if (actual.shape.join() !== expected.shape.join()) return `expected shape [${expected.shape.join()}], got [${actual.shape.join()}]`;
  if (expected.at === undefined || !compareValues) return null;
  const bytes = tensors.subarray(expected.at, expected.at + expected.bytes!);
  const plain = ops.aten.resolve_neg(ops.aten.resolve_conj(actual));
  return bytes.equals(plain.toBytes()) ? null : "the bytes differ";
}

/** How a replayed call went. */
export type Outcome =
  | { readonly kind: "same result" | "same error" }
  | { readonly kind: "different"; readonly reason: string };

const different = (reason: string): Outcome => ({ kind: "different", reason });

/** The first line of an error as Python prints it: its layer renames C++ tensor types. */
function firstLine(text: string): string {
  return text
    .split("\n", 1)[0]!
    .replace(/SparseCPU(\w+)Type\b/g, "torch.sparse.$1Tensor")
    .replace(/CPU(\w+)Type\b/g, "torch.$1Tensor")
    .trim();
}

/** Calls the operator with the recorded arguments and compares what comes of it. */
export function replay(call: RecordedCall, tensors: Buffer): Outcome {
  return scope(() => {
    const args = decode(call.args, tensors) as unknown[];
    const keywords = decodeAll(call.kwargs, tensors);
    manualSeed(SEED);
    let result: unknown;
    try {
      result = operator(call.operator)(...args, keywords);
    } catch (error) {
      if (!(error instanceof DgsamError)) throw error;
      // The cause keeps LibTorch's own words, which the message may put more plainly.
      const message = firstLine(error.cause instanceof Error ? error.cause.message : error.message);
      if (call.error === undefined) return different(`threw ${error.code}: ${message}`);
      return message === call.error.message ? { kind: "same error" } : different(`expected the error "${call.error.message}", got "${message}"`);
    }
    if (call.error !== undefined) return different(`expected the error "${call.error.message}", got a result`);
    const found = resultDifference(call, result, tensors) ?? writtenDifference(call, args, keywords, tensors);
    return found === null ? { kind: "same result" } : different(found);
  });
}

function resultDifference({ operator: name, result: expected = null, deterministic = true }: RecordedCall, result: unknown, tensors: Buffer): string | null {
  const unwritten = UNWRITTEN[name];
  if (unwritten === undefined) return difference(result, expected, tensors, deterministic);
  const without = (list: readonly unknown[]): readonly unknown[] => list.filter((_, i) => i !== unwritten.result);
  return difference(without(result as unknown[]), without(expected as Encoded[]) as Encoded, tensors, deterministic);
}

function writtenDifference(call: RecordedCall, args: unknown[], keywords: Record<string, unknown>, tensors: Buffer): string | null {
  for (const [name, expected] of Object.entries(call.written ?? {})) {
    if (name === UNWRITTEN[call.operator]?.argument) continue;
    const actual = name in keywords ? keywords[name] : args[positionOf(call.operator, name)];
    const found = difference(actual, expected, tensors, call.deterministic ?? true);
    if (found !== null) return `argument '${name}': ${found}`;
  }
  return null;
}

function positionOf(name: string, argument: string): number {
  const schema = operatorSchemas("aten", name.slice("aten::".length).split(".", 1)[0]!).find((each) => each.name === name)!;
  return schema.arguments.findIndex((each) => each.name === argument);
}
