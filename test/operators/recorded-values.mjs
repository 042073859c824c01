/** Values as test/oracles/operators/encoding.py writes them. In plain JavaScript because the fuzzer's child reads them too. */

import { complex, double, fromBytes, Generator, ops } from "dgsam";

/** The function behind `"aten::add.Tensor"`. */
export function operator(name) {
  const [namespace, rest] = name.split("::");
  return ops[namespace][rest.includes(".") ? rest : `${rest}.default`];
}

/** Makes the value that was written down; tensors anew each time. */
export function decode(value, tensors) {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => decode(each, tensors));
  if ("double" in value) return double(Number(value.double));
  if ("bigint" in value) return BigInt(value.bigint);
  if ("complex" in value) return complex(...value.complex.map((each) => Number(each.double ?? each)));
  if ("name" in value) return value.name;
  if ("generator" in value) return new Generator().manualSeed(value.generator);
  if ("tensor" in value) {
    const { dtype, shape, strides, at, bytes } = value.tensor;
    const length = ops.aten["empty.memory_format"]([1], { dtype }).toBytes().length;
    const elements = fromBytes(tensors.subarray(at, at + bytes), { dtype, shape: [bytes / length] });
    return ops.aten["as_strided.default"](elements, shape, strides, 0);
  }
  const [name, args, keywords] = value.recipe;
  return operator(name)(...decode(args, tensors), decodeAll(keywords, tensors));
}

/** {@link decode} for every property. */
export function decodeAll(keywords, tensors) {
  return Object.fromEntries(Object.entries(keywords).map(([name, each]) => [name, decode(each, tensors)]));
}
