/** What optimizers remember of their parameters. */

import { isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { ops, Tensor } from "../../tensor/index.js";

/** What an optimizer remembers of one parameter: tensors by name. */
export type ParameterState = Record<string, Tensor>;

/** State that is one number and not of its parameter's shape, with its value before the first step. */
export const SCALARS: Readonly<Record<string, number>> = { step: 0, muProduct: 1 };

/**
 * Copies of the tensors of one parameter's state, in its dtype and layout.
 *
 * @param what the state, for errors
 * @param names what it must have
 * @param scalar makes a number of the state
 * @throws DgsamError `ERR_ARGUMENT`
 */
export function adoptState(what: string, parameter: Tensor, names: readonly string[], state: unknown, scalar: (value: number) => Tensor): ParameterState {
  if (!isPlainObject(state)) throw argumentError(what, `the tensors ${names.join(", ")}`, state);
  const missing = names.filter((each) => !(each in state));
  if (missing.length > 0)
    throw new DgsamError("ERR_ARGUMENT", `${what}: expected the tensors ${names.join(", ")}, got ${Object.keys(state).join(", ") || "none"}; is it of another optimizer?`);
  const shape = parameter.shape.join(", ");
  return Object.fromEntries(
    Object.entries(state).map(([key, value]) => {
      if (!(value instanceof Tensor)) throw argumentError(`${what}.${key}`, "a Tensor", value);
      if (Object.hasOwn(SCALARS, key)) {
        if (value.numel !== 1) throw new DgsamError("ERR_ARGUMENT", `${what}.${key}: expected one number, got shape [${value.shape.join(", ")}]`);
        const number = Number(value.item());
        if (!Number.isFinite(number)) throw new DgsamError("ERR_ARGUMENT", `${what}.${key}: expected a finite number, got ${number}`);
        return [key, scalar(number)];
      }
      if (value.shape.join(", ") !== shape) throw new DgsamError("ERR_ARGUMENT", `${what}.${key}: expected shape [${shape}], got [${value.shape.join(", ")}]`);
      return [key, ops.aten["copy_.default"](ops.aten["empty_like.default"](parameter), value)];
    }),
  );
}
