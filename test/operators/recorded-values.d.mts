import type { DType } from "dgsam";

export interface EncodedTensor {
  readonly dtype: DType;
  readonly layout?: string;
  readonly shape?: readonly number[];
  readonly strides?: readonly number[];
  readonly at?: number;
  readonly bytes?: number;
}

export type Encoded =
  | null
  | boolean
  | number
  | string
  | readonly Encoded[]
  | { readonly double: number | string }
  | { readonly bigint: string }
  | { readonly complex: readonly [Encoded, Encoded] }
  | { readonly name: string }
  | { readonly generator: number }
  | { readonly recipe: readonly [operator: string, args: Encoded[], kwargs: Record<string, Encoded>] }
  | { readonly tensor: EncodedTensor };

export function operator(name: string): (...args: unknown[]) => unknown;
export function decode(value: Encoded, tensors: Uint8Array): unknown;
export function decodeAll(values: Readonly<Record<string, Encoded>>, tensors: Uint8Array): Record<string, unknown>;
