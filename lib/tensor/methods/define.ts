/**
 * How methods and free functions are made of operators.
 *
 * An operator is looked up when it is first called: reading the schemas of all of them would cost an import a good part
 * of a second. Arguments go through as they are, so mistakes get the door's own messages (operators.ts, explain.ts).
 */

import { optionsOf } from "../../checks.js";
import { DgsamError } from "../../errors.js";
import { cutUndefined, keywordArguments, operatorSchemas, ops, type OperatorFunction } from "../operators.js";
import type { AtenOperators } from "../operators.generated.js";
import { Tensor } from "../tensor.js";

/** Any typed function over an operator. */
export type Callable = (...args: never[]) => unknown;

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Options come in camelCase, keyword arguments are in snake_case. Operators whose names are single words skip this. */
function withCamelCaseOptions(call: OperatorFunction): OperatorFunction {
  return (...args) => {
    cutUndefined(args);
    const options = keywordArguments(args);
    if (options !== undefined)
      args[args.length - 1] = Object.fromEntries(Object.entries(options).map(([name, value]) => [snakeCase(name), value]));
    return call(...args);
  };
}

function lookUp(name: keyof AtenOperators): OperatorFunction {
  const call = ops.aten[name] as OperatorFunction;
  const [packet = ""] = name.split(".", 1);
  const schemas = operatorSchemas("aten", packet).filter((each) => name === packet || each.name === `aten::${name}`);
  return schemas.some((schema) => schema.arguments.some((argument) => argument.name.includes("_", 1))) ? withCamelCaseOptions(call) : call;
}

/** An operator as a function: positional arguments in schema order, then options in camelCase. */
export function operator<F extends Callable>(name: keyof AtenOperators): F {
  let call: OperatorFunction | undefined;
  const call_ = (...args: unknown[]): unknown => (call ??= lookUp(name))(...args);
  return call_ as unknown as F;
}

/** As {@link operator}, where a list of numbers may be spread: `view(x, 2, 3)` for `view(x, [2, 3])`. */
export function variadic<F extends Callable>(name: keyof AtenOperators): F {
  const call = operator<OperatorFunction>(name);
  const spread = (self: unknown, ...rest: unknown[]): unknown =>
    typeof rest[0] === "number" ? call(self, rest) : call(self, ...rest);
  return spread as unknown as F;
}

/**
 * The arguments of a function that is no single operator, in order: by position, then by name in a trailing object.
 *
 * @throws DgsamError `ERR_ARGUMENT` for too many, an unknown name, or one that was given by position already
 */
export function inOrder(name: string, args: unknown[], parameters: readonly string[]): unknown[] {
  cutUndefined(args);
  const options = keywordArguments(args);
  const given = options === undefined ? args : args.slice(0, -1);
  if (given.length > parameters.length)
    throw new DgsamError("ERR_ARGUMENT", `${name}: expected at most ${parameters.length} arguments (${parameters.join(", ")}), got ${given.length}`);
  const named = optionsOf<Record<string, unknown>>(name, options, parameters.slice(given.length));
  return parameters.map((parameter, i) => (i < given.length ? given[i] : named[parameter]));
}

/** As {@link operator}, where a list of tensors may be spread: `blockDiag(a, b)` for `blockDiag([a, b])`. */
export function ofTensors<F extends Callable>(name: keyof AtenOperators): F {
  const call = operator<OperatorFunction>(name);
  const spread = (...args: unknown[]): unknown => (args[0] instanceof Tensor ? call(args) : call(...args));
  return spread as unknown as F;
}

/** Makes free functions methods: the tensor is their first argument. */
export function addMethods(functions: Readonly<Record<string, Callable>>): void {
  for (const [name, value] of Object.entries(functions)) {
    const call = value as unknown as OperatorFunction;
    defineMember(name, {
      // Spreading arguments costs a small operator a twelfth of its time, so the usual counts are spelt out.
      value(this: Tensor, first?: unknown, second?: unknown): unknown {
        switch (arguments.length) {
          case 0:
            return call(this);
          case 1:
            return call(this, first);
          case 2:
            return call(this, first, second);
          default:
            return call(this, ...arguments);
        }
      },
    });
  }
}

/** Adds a member to the class as a class body would: not enumerable. */
export function defineMember(name: string | symbol, descriptor: { value: unknown } | { get: (this: Tensor) => unknown }): void {
  const changeable = "value" in descriptor ? { writable: true } : {};
  Object.defineProperty(Tensor.prototype, name, { ...descriptor, ...changeable, configurable: true, enumerable: false });
}
