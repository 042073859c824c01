/** What PyTorch, asked through pytorch.py, says; and our tensors in the same words. */
import { fromBytes, Tensor, type DType } from "dgsam";
import { oracle } from "../reference/oracle.js";

export interface EncodedTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: string;
}

export type Encoded =
  | { readonly tensor: EncodedTensor }
  | { readonly list: readonly Encoded[] }
  | { readonly value: number | boolean }
  | { readonly text: string }
  | { readonly error: string };

interface Answer {
  readonly printed: readonly string[];
  readonly evaluated: readonly Encoded[];
}

export function encodeTensor(source: Tensor): EncodedTensor {
  return { dtype: source.dtype, shape: source.shape, bytes: Buffer.from(source.toBytes()).toString("hex") };
}

export function decodeTensor({ dtype, shape, bytes }: EncodedTensor): Tensor {
  return fromBytes(Buffer.from(bytes, "hex"), { dtype, shape });
}

export function encode(value: unknown): Encoded {
  if (value instanceof Tensor) return { tensor: encodeTensor(value) };
  if (Array.isArray(value)) return { list: value.map(encode) };
  if (typeof value === "number" || typeof value === "boolean") return { value };
  return { text: String(value) };
}

/** PyTorch's `repr` of copies of our tensors. */
export function printedByPytorch(tensors: readonly Tensor[]): readonly string[] {
  return oracle<Answer>("tensor/pytorch.py", { printed: tensors.map(encodeTensor) }).printed;
}

/** The values of Python expressions, each by itself or after statements that prepare it; all see copies of the inputs. */
export function evaluatedByPytorch(
  expressions: readonly (string | readonly [setup: string, expression: string])[],
  inputs: Readonly<Record<string, Tensor>> = {},
): readonly Encoded[] {
  const pairs = expressions.map((each) => (typeof each === "string" ? ["", each] : each));
  const encoded = Object.fromEntries(Object.entries(inputs).map(([name, each]) => [name, encodeTensor(each)]));
  return oracle<Answer>("tensor/pytorch.py", { evaluated: pairs, inputs: encoded }).evaluated;
}
