/** What a captured function takes and gives: tensors, and other values in arrays and plain objects around them. */

import { isPlainObject } from "../../checks.js";
import { Tensor } from "../tensor.js";

/** A value with the tensors taken out: `tensors` in the order in which they were met, each once. */
export interface Taken {
  readonly tensors: Tensor[];
  /** The rest, as text that is equal for equal values; `null` where a value cannot be told from others. */
  readonly text: string | null;
}

/** Takes the tensors out of arguments. Only arguments that are all tensors are frequent. */
export function takeTensors(args: readonly unknown[]): Taken {
  if (args.every((each, i) => each instanceof Tensor && args.indexOf(each) === i)) return { tensors: [...(args as readonly Tensor[])], text: String(args.length) };
  const tensors: Tensor[] = [];
  const text = describe(args, tensors);
  return { tensors, text };
}

function describe(value: unknown, tensors: Tensor[]): string | null {
  if (value instanceof Tensor) {
    let place = tensors.indexOf(value);
    if (place === -1) place = tensors.push(value) - 1;
    return `#${place}`;
  }
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "string":
      return JSON.stringify(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
      return String(value);
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return around("[", value.map((each) => describe(each, tensors)), "]");
      if (!isPlainObject(value)) return null;
      return around("{", Object.entries(value).map(([key, each]) => within(JSON.stringify(key), describe(each, tensors))), "}");
    }
    default:
      return null;
  }
}

function within(key: string, text: string | null): string | null {
  return text === null ? null : `${key}:${text}`;
}

function around(open: string, texts: readonly (string | null)[], close: string): string | null {
  return texts.includes(null) ? null : `${open}${texts.join()}${close}`;
}

/** The same value with other tensors in the places of those it holds; arrays and plain objects are copied. */
export function replaceTensors(value: unknown, replace: (tensor: Tensor) => unknown): unknown {
  if (value instanceof Tensor) return replace(value);
  if (Array.isArray(value)) return value.map((each: unknown) => replaceTensors(each, replace));
  if (isPlainObject(value)) return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, replaceTensors(each, replace)]));
  return value;
}

/** Makes a value of the outputs of a program and its inputs. */
export type Make = (outputs: readonly Tensor[], inputs: readonly Tensor[]) => unknown;

/** Functions of their own, so that what they return refers to nothing but what it needs, and not to the tensors of a recording. */
export const make = {
  output: (place: number): Make => (outputs) => outputs[place],
  input: (place: number): Make => (_, inputs) => inputs[place],
  same: (value: unknown): Make => () => value,
  list: (makers: readonly Make[]): Make => (outputs, inputs) => makers.map((each) => each(outputs, inputs)),
  object: (makers: readonly (readonly [string, Make])[]): Make => (outputs, inputs) => Object.fromEntries(makers.map(([key, each]) => [key, each(outputs, inputs)])),
};

/** Makes values like one, whose tensors are made as told. */
export function makerOf(value: unknown, tensorMaker: (tensor: Tensor) => Make): Make {
  if (value instanceof Tensor) return tensorMaker(value);
  if (Array.isArray(value)) return make.list(value.map((each: unknown) => makerOf(each, tensorMaker)));
  if (isPlainObject(value)) return make.object(Object.entries(value).map(([key, each]) => [key, makerOf(each, tensorMaker)] as const));
  return make.same(value);
}

/** The tensors in a result, each once; `null` when it holds something that cannot be made again. */
export function tensorsOfResult(result: unknown): Tensor[] | null {
  const { tensors, text } = takeTensors([result]);
  return text === null ? null : tensors;
}
