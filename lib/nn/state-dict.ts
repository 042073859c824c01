/** State dicts: a module's tensors by PyTorch's keys, checked as a whole before anything is copied. */

import { checkBoolean, withDefaults } from "../checks.js";
import { argumentError, describeValue, DgsamError, listed } from "../errors.js";
import { forgetCasts } from "../tensor/internal.js";
import { noGrad, ops, scope, Tensor } from "../tensor/index.js";

/** Tensors by PyTorch's keys, in PyTorch's order. */
export type StateDict = Record<string, Tensor>;

export interface LoadOptions {
  /** Whether keys that are missing or unexpected are errors. Default true. */
  strict?: boolean;
}

/** The keys that did not match; both are empty after a strict load. */
export interface LoadResult {
  /** What the module has and the dict has not. */
  missingKeys: string[];
  /** What the dict has and the module has not. */
  unexpectedKeys: string[];
}

function shapeText(tensor: Tensor): string {
  return `[${tensor.shape.join(", ")}]`;
}

/** Why `source` cannot be copied into `target`, or null. */
function misfit(target: Tensor, source: unknown): string | null {
  if (!(source instanceof Tensor)) return `expected a Tensor, got ${describeValue(source)}`;
  const expected = shapeText(target);
  const got = shapeText(source);
  if (got !== expected) return `expected shape ${expected}, got ${got}`;
  if (source.layout !== target.layout) return `expected layout ${target.layout}, got ${source.layout}`;
  return null;
}

/**
 * Copies `dict` into `own`, converting dtypes and devices. Nothing is copied when anything does not fit.
 *
 * @param name what errors call the caller
 * @throws DgsamError `ERR_ARGUMENT` listing what does not fit, ten of each kind
 */
export function loadInto(name: string, own: ReadonlyMap<string, Tensor>, dict: Readonly<StateDict>, options: LoadOptions): LoadResult {
  if (typeof dict !== "object" || dict === null || dict instanceof Tensor || Array.isArray(dict) || dict instanceof Map)
    throw argumentError(`${name}(dict)`, "an object of Tensors by key, such as stateDict() returns", dict);
  const { strict } = withDefaults<Required<LoadOptions>>(name, options, { strict: true });
  checkBoolean(`${name}: strict`, strict);
  const missingKeys = [...own.keys()].filter((key) => !Object.hasOwn(dict, key));
  const unexpectedKeys = Object.keys(dict).filter((key) => !own.has(key));
  const pairs = [...own].filter(([key]) => Object.hasOwn(dict, key)).map(([key, target]) => ({ key, target, source: dict[key] }));
  const misfits = pairs.map(({ key, target, source }) => [key, misfit(target, source)] as const).filter(([, why]) => why !== null);
  const faults = [
    ...(strict && missingKeys.length > 0 ? [`missing keys: ${listed(missingKeys)}`] : []),
    ...(strict && unexpectedKeys.length > 0 ? [`unexpected keys: ${listed(unexpectedKeys)}`] : []),
    ...(misfits.length > 0 ? [listed(misfits.map(([key, why]) => `${key}: ${why}`), "\n  ")] : []),
  ];
  if (faults.length > 0) throw new DgsamError("ERR_ARGUMENT", `${name}: the state dict does not fit, nothing was loaded\n  ${faults.join("\n  ")}`);
  noGrad(() =>
    scope(() => {
      // Conversions can fail, of data on the meta device or for want of memory: all come before the first copy.
      const converted = pairs.map(({ target, source }) => ops.aten["to.other"](source!, target));
      pairs.forEach(({ target }, i) => ops.aten["copy_.default"](target, converted[i]!));
      forgetCasts();
    }),
  );
  return { missingKeys, unexpectedKeys };
}
