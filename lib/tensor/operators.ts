/**
 * Every operator of LibTorch's dispatcher, by name: `ops.aten.add(a, b)`, `ops.aten["add.Tensor"](a, b)`.
 *
 * Schemas are read from the dispatcher when a name is first used; operators.generated.ts holds their types.
 */

import { argumentError, DgsamError, isCopiedTensor } from "../errors.js";
import { native } from "../native.js";
import { explainMisfit } from "./explain.js";
import { callFrame } from "./frame-memory.js";
import { isComplexValue, MISFIT, readResults, write } from "./frame.js";
import type { AtenOperators, DgsamOperators } from "./operators.generated.js";
import { Complex } from "./scalars.js";
import { Kind, type OperatorSchema } from "./schema.js";
import { Tag } from "./tags.js";
import { Tensor } from "./tensor.js";

/** An overload with what a call needs worked out once. */
interface Overload extends OperatorSchema {
  readonly positional: number;
  /** How many arguments, counted from the first, include all that have no default. */
  readonly required: number;
  readonly handsBackArguments: boolean;
  readonly positions: ReadonlyMap<string, number>;
}

function toOverload(schema: OperatorSchema): Overload {
  const firstKeywordOnly = schema.arguments.findIndex((argument) => argument.keywordOnly);
  return {
    ...schema,
    positional: firstKeywordOnly === -1 ? schema.arguments.length : firstKeywordOnly,
    required: schema.arguments.findLastIndex((argument) => !argument.hasDefault) + 1,
    handsBackArguments: schema.returns.some((each) => each.aliasedArgument >= 0),
    positions: new Map(schema.arguments.map((argument, index) => [argument.name, index])),
  };
}

/** The trailing plain object of keyword arguments, if there is one. `{ re, im }` is a complex number. */
export function keywordArguments(args: readonly unknown[]): Record<string, unknown> | undefined {
  const last = args[args.length - 1];
  if (typeof last !== "object" || last === null || last instanceof Tensor) return undefined;
  const prototype = Object.getPrototypeOf(last) as unknown;
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  return isComplexValue(last) || isCopiedTensor(last) ? undefined : (last as Record<string, unknown>);
}

/** Cuts what was left out by `undefined` off the end of the positional arguments, in place. */
export function cutUndefined(args: unknown[], keywords?: Record<string, unknown>): void {
  let end = keywords === undefined ? args.length : args.length - 1;
  const before = end;
  while (end > 0 && args[end - 1] === undefined) end--;
  if (end < before) args.splice(end, before - end);
}

/**
 * A copy of a list or of a complex number, other values as they are. Reading a list or an object of the caller's may run
 * the caller's code, a getter's or a Proxy's, and that may call an operator, whose values lie in the same frame. So all of
 * that is read before the first value of a call is written.
 */
function settled(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Tensor) return value;
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let i = 0; i < copy.length; i++) {
      const element: unknown = value[i];
      // No schema has lists of lists.
      copy[i] = Array.isArray(element) ? element : settled(element);
    }
    return copy;
  }
  return !(value instanceof Complex) && isComplexValue(value) ? { re: value.re, im: value.im } : value;
}

function settledKeywords(keywords: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(keywords).map(([name, value]) => [name, settled(value)]));
}

/** Writes the call into the frame at `start`; returns the next free position, or MISFIT when the arguments do not fit this overload. */
function encode(overload: Overload, args: readonly unknown[], keywords: Record<string, unknown> | undefined, numbersAsTensors: boolean, start = 0): number {
  const given = keywords === undefined ? args.length : args.length - 1;
  if (given > overload.positional) return MISFIT;
  const schema = overload.arguments;
  let last = given;
  let end = given;
  if (keywords === undefined) {
    if (given < overload.required) return MISFIT;
  } else {
    end = schema.length;
    for (const name in keywords) {
      if (keywords[name] === undefined) continue;
      const position = overload.positions.get(name);
      if (position === undefined || position < given) return MISFIT;
      if (position >= last) last = position + 1;
    }
  }
  const frame = callFrame();
  frame[start] = overload.index;
  frame[start + 1] = last;
  let at = start + 2;
  for (let i = 0; i < end; i++) {
    const argument = schema[i]!;
    const value = i < given ? args[i] : keywords?.[argument.name];
    if (value === undefined) {
      if (!argument.hasDefault) return MISFIT;
      if (i < last) callFrame()[at++] = Tag.Default;
      continue;
    }
    at = write(at, argument.type, value, numbersAsTensors);
    if (at === MISFIT) return MISFIT;
  }
  return at;
}

function run(overload: Overload, args: readonly unknown[], keywords: Record<string, unknown> | undefined): unknown {
  const spill = native.call();
  if (!overload.handsBackArguments) return readResults(spill, overload.returns, args);
  const given = keywords === undefined ? args.length : args.length - 1;
  const inOrder = overload.arguments.map((argument, i) => (i < given ? args[i] : keywords?.[argument.name]));
  return readResults(spill, overload.returns, inOrder);
}

/** {@link encode} and {@link run} for arguments that are known to fit. */
function runOnTensors(overload: Overload, first: Tensor, second: Tensor | undefined, args: readonly unknown[]): unknown {
  const frame = callFrame();
  frame[0] = overload.index;
  frame[1] = args.length;
  frame[2] = Tag.Tensor;
  frame[3] = first.handle;
  if (second !== undefined) {
    frame[4] = Tag.Tensor;
    frame[5] = second.handle;
  }
  return run(overload, args, undefined);
}

/** An operator as a function. */
export type OperatorFunction = (...args: unknown[]) => unknown;

/** The overload that a call with so many tensors, and nothing else, takes. */
function overloadOfTensors(overloads: readonly Overload[], count: number): Overload | undefined {
  const takes = ({ required, positional, arguments: schema }: Overload): boolean =>
    required <= count && count <= positional && schema.slice(0, count).every(({ type }) => type.kind === Kind.Tensor);
  return overloads.find(takes);
}

function makeFunction(overloads: readonly Overload[], numbersAsTensors: boolean): OperatorFunction {
  const unary = overloadOfTensors(overloads, 1);
  const binary = overloadOfTensors(overloads, 2);
  const call: OperatorFunction = (...args) => {
    // Most calls of small operators are of one tensor or two: what is known beforehand need not be found out again.
    const [first, second] = args;
    if (first instanceof Tensor) {
      if (args.length === 1 && unary !== undefined) return runOnTensors(unary, first, undefined, args);
      if (args.length === 2 && binary !== undefined && second instanceof Tensor) return runOnTensors(binary, first, second, args);
    }
    if (args[args.length - 1] === undefined) cutUndefined(args);
    let keywords = keywordArguments(args);
    if (keywords !== undefined) {
      cutUndefined(args, keywords);
      keywords = settledKeywords(keywords);
    }
    for (let i = keywords === undefined ? args.length : args.length - 1; i-- > 0; ) args[i] = settled(args[i]);
    for (const overload of overloads) if (encode(overload, args, keywords, numbersAsTensors) !== MISFIT) return run(overload, args, keywords);
    if (!numbersAsTensors)
      for (const overload of overloads) if (encode(overload, args, keywords, true) !== MISFIT) return run(overload, args, keywords);
    throw explainMisfit(overloads, args, keywords);
  };
  overloadsOf.set(call, overloads);
  return call;
}

const overloadsOf = new WeakMap<OperatorFunction, readonly Overload[]>();

/**
 * Writes a call of an operator that has one overload into the frame, as `native.call` takes it.
 *
 * @param args by position; lists that are plain arrays, and nothing that runs code when it is read
 * @returns the next free position
 */
export function writeCall(operator: OperatorFunction, args: readonly unknown[], start: number): number {
  const overloads = overloadsOf.get(operator)!;
  const at = encode(overloads[0]!, args, undefined, true, start);
  if (at === MISFIT) throw explainMisfit(overloads, args, undefined);
  return at;
}

/**
 * Calls an operator that has one overload with tensors, numbers and lists of them, by position, without asking what else they might be. What
 * does not fit is left to the operator itself, as is a function that is none.
 */
export function callPlainly(operator: OperatorFunction, args: readonly unknown[]): unknown {
  const overloads = overloadsOf.get(operator);
  if (overloads?.length !== 1) return operator(...args);
  // Lists may be anybody's: see settled().
  const own = args.map((each) => (Array.isArray(each) ? each.slice() : each) as unknown);
  return encode(overloads[0]!, own, undefined, true) === MISFIT ? operator(...args) : run(overloads[0]!, own, undefined);
}

/** An argument of {@link writeCall}'s in words: `"dgsam::sgd_.late: momentum"`. */
export function argumentText(operator: OperatorFunction, argument: number): string {
  const { name, arguments: schema } = overloadsOf.get(operator)![0]!;
  return `${name}: ${schema[argument]?.name ?? ""}`;
}

// Where several overloads could take a number, PyTorch's packets let it stand for a tensor only in these operators
// (should_allow_numbers_as_tensors in torch/csrc/utils/python_arg_parser.cpp): max(x, 1) is a maximum over dimension 1,
// add(x, 1) an addition. Elsewhere we let it when nothing else fits.
const NUMBERS_AS_TENSORS = new Set(
  ["add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide"]
    .flatMap((name) => [name, `${name}_`, `${name}_out`])
    .concat("to", "_to_copy", "copy", "copy_", "_conj"),
);

/** Whether a number may stand for a tensor in every overload of this operator, before others are tried. */
export function numbersStandForTensors(name: string): boolean {
  return NUMBERS_AS_TENSORS.has(name);
}

/** An overload that the dispatcher knows. */
export interface OperatorName {
  /** `"add.Tensor"`; the unnamed overload is `"sum.default"`. */
  readonly name: string;
  /** Whether a kernel exists that CPU tensors can reach: one for the CPU, or one made of other operators. */
  readonly onCpu: boolean;
}

/** All overloads of a namespace, sorted by name: `operatorNames("aten")`. */
export function operatorNames(namespace: string): OperatorName[] {
  return native.operatorNames(namespace).map(([name, onCpu]) => ({ name, onCpu }));
}

/** The schemas of all overloads of an operator, in the order in which a call tries them; empty when there is none. */
export function operatorSchemas(namespace: string, name: string): OperatorSchema[] {
  return native.overloads(namespace, name) as OperatorSchema[];
}

function lookUp(namespace: string, name: string): OperatorFunction {
  const [base = "", overloadName] = name.split(/\.(.*)/s);
  const all = operatorSchemas(namespace, base);
  if (all.length === 0)
    throw new DgsamError("ERR_ARGUMENT", `ops.${namespace}.${name}: LibTorch ${native.runtimeInfo().version} has no operator ${namespace}::${base}`);
  const chosen = overloadName === undefined ? all : all.filter((each) => each.name === `${namespace}::${name}`);
  if (chosen.length === 0) {
    const names = all.map((each) => each.name.slice(namespace.length + 2)).join(", ");
    throw new DgsamError("ERR_ARGUMENT", `ops.${namespace}["${name}"]: no such overload; ${namespace}::${base} has ${names}`);
  }
  return makeFunction(chosen.map(toOverload), overloadName !== undefined || numbersStandForTensors(base));
}

function makeNamespace(namespace: string): object {
  const cache: Record<string, OperatorFunction> = Object.create(null) as Record<string, OperatorFunction>;
  return new Proxy(cache, {
    get(_, name) {
      // A promise looks for `then`, JSON for `toJSON`: a namespace is neither.
      if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
      return (cache[name] ??= lookUp(namespace, name));
    },
    has(_, name) {
      return typeof name === "string" && operatorSchemas(namespace, name.split(".", 1)[0]!).length > 0;
    },
    set() {
      throw new DgsamError("ERR_ARGUMENT", `ops.${namespace} is read-only`);
    },
  });
}

/** Operator namespaces; others than the typed two are reached by name, `ops["quantized"]`. */
export interface Operators {
  readonly aten: AtenOperators;
  readonly dgsam: DgsamOperators;
  readonly [namespace: string]: unknown;
}

const namespaces: Record<string, object> = Object.create(null) as Record<string, object>;

/**
 * Every operator that the dispatcher knows, by namespace.
 *
 * `ops.aten.NAME(...)` takes the first overload that the arguments fit, in PyTorch's order; `ops.aten["NAME.OVERLOAD"]`
 * names one, the unnamed one being `"NAME.default"`. Arguments come in schema order, then, if any, one plain object of
 * keyword arguments by their schema names. `null` is None, `undefined` the schema's default.
 *
 * @throws DgsamError `ERR_ARGUMENT` when no overload fits: the text names operator, schema, argument and value;
 *   `ERR_SHAPE`, `ERR_DTYPE`, `ERR_DEVICE`, `ERR_OOM`, `ERR_NATIVE` when LibTorch refuses; `ERR_DISPOSED`
 */
export const ops: Operators = new Proxy({} as Operators, {
  get(_, namespace) {
    if (typeof namespace !== "string" || namespace === "then" || namespace === "toJSON") return undefined;
    const known = namespaces[namespace];
    if (known !== undefined) return known;
    if (!/^[A-Za-z_]\w*$/.test(namespace)) throw argumentError("ops[namespace]", "a namespace such as \"aten\"", namespace);
    return (namespaces[namespace] = makeNamespace(namespace));
  },
});
