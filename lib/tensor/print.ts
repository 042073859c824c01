/**
 * Tensors as text, to the letter as PyTorch's `repr` prints them (torch/_tensor_str.py).
 *
 * `String(t)`, `t.toString()` and `console.log(t)` all give it. A tensor of many elements is summarised before its data
 * is read, so printing a big one is cheap.
 */

import { optionsOf } from "../checks.js";
import { argumentError } from "../errors.js";
import { native } from "../native.js";
import type { Element } from "./data-types.js";
import { isComplex, isFloatingPoint, type DType } from "./dtype.js";
import { noGrad } from "./modes.js";
import { ops } from "./operators.js";
import { exactFormatter, floatFormatter, pythonFloat, type Formatter, type PrintOptions } from "./print-numbers.js";
import type { ComplexValue } from "./scalars.js";
import { scope } from "./scope.js";
import { Tensor } from "./tensor.js";

declare module "./tensor.js" {
  interface Tensor<D extends DType> {
    /** As PyTorch prints it: data, and dtype, device and gradient function where they are not the usual. `"Tensor(disposed)"` after `dispose()`. */
    toString(): string;
  }
}

const DEFAULTS: Readonly<PrintOptions> = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80, sciMode: null };
let settings: PrintOptions = { ...DEFAULTS };

const CHECKS: Readonly<Record<keyof PrintOptions, readonly [expected: string, holds: (value: unknown) => boolean]>> = {
  precision: ["an integer from 0 to 40", (value) => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 40],
  threshold: ["a number >= 0", (value) => typeof value === "number" && value >= 0],
  edgeItems: ["an integer >= 1", (value) => Number.isInteger(value) && (value as number) >= 1],
  lineWidth: ["a number > 0", (value) => typeof value === "number" && value > 0],
  sciMode: ["a boolean or null", (value) => typeof value === "boolean" || value === null],
};

/**
 * Changes how tensors are printed in this thread, as `torch.set_printoptions`; returns what held before. What is not
 * named stays.
 *
 * @throws DgsamError `ERR_ARGUMENT`
 */
export function setPrintOptions(options: Partial<PrintOptions>): PrintOptions {
  const before = settings;
  const next: Record<string, unknown> = { ...before };
  if (options === undefined) throw argumentError("setPrintOptions(options)", "an object of options", options);
  for (const [name, value] of Object.entries(optionsOf("setPrintOptions", options, Object.keys(CHECKS)))) {
    if (value === undefined) continue;
    const [expected, fits] = CHECKS[name as keyof PrintOptions];
    if (!fits(value)) throw argumentError(`setPrintOptions: ${name}`, expected, value);
    next[name] = value;
  }
  settings = next as unknown as PrintOptions;
  return before;
}

/** The parts of a tensor that a summary shows: both ends of each long dimension. */
function ends(tensor: Tensor): Tensor {
  const { edgeItems } = settings;
  return tensor.shape.reduce<Tensor>((part, size, dim) => {
    if (size <= 2 * edgeItems) return part;
    return ops.aten.cat([ops.aten["slice.Tensor"](part, dim, 0, edgeItems), ops.aten["slice.Tensor"](part, dim, -edgeItems)], dim);
  }, tensor);
}

/** The elements in row-major order, of floating-point dtypes as doubles. */
function elementsOf(tensor: Tensor): Element[] {
  // This dtype converts to no other: PyTorch prints its bytes.
  const readable = tensor.dtype === "float4_e2m1fn_x2" ? ops.aten["view.dtype"](tensor, "uint8") : tensor;
  return ops.aten["reshape.default"](readable, [-1]).toArray() as Element[];
}

function formatterFor(dtype: DType, elements: readonly Element[]): Formatter {
  if (isFloatingPoint(dtype)) return floatFormatter(elements as number[], settings);
  if (!isComplex(dtype)) return exactFormatter(elements);
  const numbers = elements as ComplexValue[];
  const re = floatFormatter(numbers.map((each) => each.re), settings);
  const im = floatFormatter(numbers.map((each) => each.im), settings);
  return {
    // And the j.
    width: re.width + im.width + 1,
    format(value) {
      const imaginary = `${im.format((value as ComplexValue).im).trimStart()}j`;
      return `${re.format((value as ComplexValue).re)}${/^[+-]/.test(imaginary) ? "" : "+"}${imaginary}`;
    },
  };
}

/** The brackets: `indent` is where they begin. */
function body(tensor: Tensor, indent: number): string {
  const { shape } = tensor;
  const { edgeItems, lineWidth, threshold } = settings;
  if (shape.includes(0)) return "[]";
  const summarise = shape.reduce((product, size) => product * size, 1) > threshold;
  const shown = summarise ? ends(tensor) : tensor;
  const elements = elementsOf(shown);
  const formatter = formatterFor(tensor.dtype, elements);
  if (shape.length === 0) return formatter.format(elements[0]!);

  let next = 0;
  const isCut = (size: number): boolean => summarise && size > 2 * edgeItems;
  const vector = (size: number, at: number): string => {
    const count = isCut(size) ? 2 * edgeItems : size;
    const texts = Array.from({ length: count }, () => formatter.format(elements[next++]!));
    if (isCut(size)) texts.splice(edgeItems, 0, " ...");
    const perLine = Math.max(1, Math.floor((lineWidth - at) / (formatter.width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < texts.length; i += perLine) lines.push(texts.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${" ".repeat(at + 1)}`)}]`;
  };
  const block = (dim: number, at: number): string => {
    const size = shape[dim]!;
    if (dim === shape.length - 1) return vector(size, at);
    const parts = Array.from({ length: isCut(size) ? 2 * edgeItems : size }, () => block(dim + 1, at + 1));
    if (isCut(size)) parts.splice(edgeItems, 0, "...");
    return `[${parts.join(`,${"\n".repeat(shape.length - dim - 1)}${" ".repeat(at + 1)}`)}]`;
  };
  return block(0, indent);
}

/** Python's `str` of a tuple. */
function tuple(sizes: readonly number[]): string {
  return sizes.length === 1 ? `(${sizes[0]},)` : `(${sizes.join(", ")})`;
}

/** A tensor inside another's text: `indices=tensor([[0, 1]])`. */
function member(name: string, tensor: Tensor, indent: number): string {
  const prefix = `${name}=tensor(`;
  const size = tensor.numel === 0 ? `, size=${tuple(tensor.shape)}` : "";
  return `${prefix}${body(tensor, indent + prefix.length)}${size})`;
}

const DENSE_DEFAULTS = new Set<DType>(["float32", "complex64", "int64", "bool"]);
const PREFIX = "tensor(";
const INDENT = PREFIX.length;
const SEPARATOR = `,\n${" ".repeat(INDENT)}`;

/** The members of a sparse tensor, by layout. */
function sparseParts(tensor: Tensor): [name: string, part: Tensor][] {
  const { aten } = ops;
  switch (tensor.layout) {
    case "sparse_coo":
      return [["indices", aten._indices(tensor)], ["values", aten._values(tensor)]];
    case "sparse_csr":
    case "sparse_bsr":
      return [["crow_indices", aten.crow_indices(tensor)], ["col_indices", aten.col_indices(tensor)], ["values", aten.values(tensor)]];
    default:
      return [["ccol_indices", aten.ccol_indices(tensor)], ["row_indices", aten.row_indices(tensor)], ["values", aten.values(tensor)]];
  }
}

function quantisation(tensor: Tensor): string[] {
  const { aten } = ops;
  const scheme = aten.qscheme(tensor);
  if (scheme.startsWith("per_tensor"))
    return [`quantization_scheme=torch.${scheme}`, `scale=${pythonFloat(aten.q_scale(tensor))}`, `zero_point=${aten.q_zero_point(tensor)}`];
  return [
    `quantization_scheme=torch.${scheme}`, `scale=${describe(aten.q_per_channel_scales(tensor))}`,
    `zero_point=${describe(aten.q_per_channel_zero_points(tensor))}`, `axis=${aten.q_per_channel_axis(tensor)}`,
  ];
}

function describe(tensor: Tensor): string {
  const { device, dtype, layout, shape } = tensor;
  const suffixes: string[] = [];
  const size = `size=${tuple(shape)}`;
  const dtypeName = `dtype=torch.${dtype}`;
  const isSparse = layout.startsWith("sparse_");
  // PyTorch leaves the current GPU out only where the GPU is the default device.
  if (device !== "cpu") suffixes.push(`device='${device}'`);
  let text: string;
  if (isSparse) {
    suffixes.push(size, `nnz=${ops.aten._nnz(tensor)}`);
    if (!DENSE_DEFAULTS.has(dtype)) suffixes.push(dtypeName);
    text = sparseParts(tensor).map(([name, part]) => member(name, ops.aten["detach.default"](part), INDENT)).join(SEPARATOR);
  } else if (/^q(u?)int/.test(dtype)) {
    suffixes.push(size, dtypeName, ...quantisation(tensor));
    text = body(ops.aten["dequantize.self"](tensor), INDENT);
  } else if (device === "meta") {
    suffixes.push(size);
    if (dtype !== "float32") suffixes.push(dtypeName);
    text = "...";
  } else if (shape.includes(0)) {
    if (shape.length !== 1) suffixes.push(size);
    if (dtype !== "float32") suffixes.push(dtypeName);
    text = "[]";
  } else {
    if (!DENSE_DEFAULTS.has(dtype)) suffixes.push(dtypeName);
    text = body(layout === "strided" ? tensor : ops.aten.to_dense(tensor), INDENT);
  }
  if (layout !== "strided") suffixes.push(`layout=torch.${layout}`);
  const gradientFunction = native.gradFunctionName(tensor.handle);
  if (gradientFunction !== "") suffixes.push(`grad_fn=<${gradientFunction}>`);
  else if (tensor.requiresGrad) suffixes.push("requires_grad=True");
  return withSuffixes(PREFIX + text, suffixes, layout === "sparse_coo");
}

/** Each suffix on the last line if it fits, else on a new one; the first on a new one anyway where `newLine` is true. */
function withSuffixes(start: string, suffixes: readonly string[], newLine: boolean): string {
  let text = start;
  let used = start.length - start.lastIndexOf("\n") + 1;
  let forced = newLine;
  for (const suffix of suffixes) {
    if (forced || used + suffix.length + 2 > settings.lineWidth) {
      text += `${SEPARATOR}${suffix}`;
      used = INDENT + suffix.length;
      forced = false;
    } else {
      text += `, ${suffix}`;
      used += suffix.length + 2;
    }
  }
  return `${text})`;
}

Tensor.prototype.toString = function toString(): string {
  return this.disposed ? "Tensor(disposed)" : scope(() => noGrad(() => describe(this)));
};

Object.defineProperty(Tensor.prototype, Symbol.for("nodejs.util.inspect.custom"), {
  value(this: Tensor, depth: number): string {
    return depth < 0 ? "[Tensor]" : this.toString();
  },
  enumerable: false,
  configurable: true,
  writable: true,
});
