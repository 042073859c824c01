/** torchvision's kernels beside ours, image by image. */
import { fromBytes, type Tensor } from "dgsam";
import { oracle } from "../../../reference/oracle.js";

export type ImageDType = "uint8" | "float32";

/** One kernel on the eight images of kernels.py, with options for each. */
export interface KernelRequest {
  readonly function: string;
  readonly dtype: ImageDType;
  readonly each: readonly object[];
}

interface Encoded {
  readonly data: string;
  readonly shape: number[];
  readonly dtype: ImageDType;
}

interface Answer {
  readonly images: Readonly<Record<ImageDType, string>>;
  readonly shape: number[];
  readonly answers: readonly Encoded[];
}

const decode = ({ data, shape, dtype }: Encoded): Tensor => fromBytes(Buffer.from(data, "base64"), { shape, dtype });

export function runKernels(requests: readonly KernelRequest[]): { images: Record<ImageDType, Tensor>; expected: Tensor[] } {
  const { images, shape, answers } = oracle<Answer>("data/images/augment/kernels.py", requests);
  const batch = (dtype: ImageDType) => decode({ data: images[dtype], shape, dtype });
  return { images: { uint8: batch("uint8"), float32: batch("float32") }, expected: answers.map(decode) };
}

/** What torchvision draws for a transform, so many times. */
export function drawParameters(requests: readonly { transform: string; options: object; size: readonly number[]; draws: number }[]): Record<string, unknown>[][] {
  return oracle<{ answers: Record<string, unknown>[][] }>("data/images/augment/kernels.py", requests).answers;
}

/** The largest difference of two tensors of one shape and dtype; where those differ, an error. */
export function distance(got: Tensor, expected: Tensor): number {
  if (got.dtype !== expected.dtype || got.shape.join() !== expected.shape.join()) {
    throw new Error(`got ${got.dtype} [${got.shape.join(", ")}], expected ${expected.dtype} [${expected.shape.join(", ")}]`);
  }
  return got.to("float64").sub(expected.to("float64")).abs().max().item() as number;
}
