/** The names PyTorch gives to dtypes, layouts, memory formats and quantisation schemes, and LibTorch's numbers for them. */

/** Element types, by their PyTorch names. */
export const DTYPES = [
  "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex32", "complex64", "complex128",
  "bool", "qint8", "quint8", "qint32", "bfloat16", "quint4x2", "quint2x4", "bits1x8", "bits2x4", "bits4x2", "bits8",
  "bits16", "float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "uint16", "uint32", "uint64",
  "uint1", "uint2", "uint3", "uint4", "uint5", "uint6", "uint7", "int1", "int2", "int3", "int4", "int5", "int6", "int7",
  "float8_e8m0fnu", "float4_e2m1fn_x2",
] as const;

/** An element type, by its PyTorch name. */
export type DType = (typeof DTYPES)[number];

/** Memory layouts; the index is LibTorch's number. */
export const LAYOUTS = ["strided", "sparse_coo", "sparse_csr", "_mkldnn", "sparse_csc", "sparse_bsr", "sparse_bsc", "jagged"] as const;
export type Layout = (typeof LAYOUTS)[number];

/** Memory formats; the index is LibTorch's number. */
export const MEMORY_FORMATS = ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"] as const;
export type MemoryFormat = (typeof MEMORY_FORMATS)[number];

/** Quantisation schemes; the index is LibTorch's number. */
export const QSCHEMES = ["per_tensor_affine", "per_channel_affine", "per_tensor_symmetric", "per_channel_symmetric", "per_channel_affine_float_qparams"] as const;
export type QScheme = (typeof QSCHEMES)[number];

/** A device as PyTorch writes it: `"cpu"`, `"cuda"`, `"cuda:1"`, `"meta"`. */
export type Device = "cpu" | "cuda" | `cuda:${number}` | "meta" | (string & {});

const DTYPE_CODES: ReadonlyMap<string, number> = new Map(DTYPES.map((name, code) => [name, code]));

/** LibTorch's number for a dtype name, or undefined. */
export function dtypeCode(name: string): number | undefined {
  return DTYPE_CODES.get(name);
}

/** Whether values of this dtype have a fraction (real floating-point dtypes). */
export function isFloatingPoint(dtype: DType): boolean {
  return dtype.startsWith("float") || dtype === "bfloat16";
}

export function isComplex(dtype: DType): boolean {
  return dtype.startsWith("complex");
}

/** Whether tensors of this dtype can have gradients. */
export function isDifferentiable(dtype: DType): boolean {
  return isFloatingPoint(dtype) || isComplex(dtype);
}
