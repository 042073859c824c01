/** Averages of many tensors at once, and what of a model they are of. */

import { checkBoolean, checkInteger, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { isComplex, isFloatingPoint } from "../../tensor/dtype.js";
import { forgetCasts } from "../../tensor/internal.js";
import { keep, noGrad, ops, Tensor } from "../../tensor/index.js";
import { checkParams } from "../checks.js";
import { once } from "../once.js";

const operators = once(() => ({
  clone: ops.aten["clone.default"],
  copy: ops.aten["_foreach_copy_.default"],
  lerp: ops.aten["_foreach_lerp_.Scalar"],
}));

/** What an average needs of a model to take its buffers along; `Module` has it. */
export interface BuffersOwner {
  buffers(): Iterable<Tensor>;
}

export interface AveragingOptions {
  /** The model, so that its buffers go along with the parameters: BatchNorm statistics, say. */
  model?: BuffersOwner;
  /** Average the model's floating buffers, too; all others, and all when false, are copied as they last were. Default false. Needs `model`. */
  useBuffers?: boolean;
}

/** Tensors in two lists: those that are averaged, and those that are copied. */
export interface Tensors {
  readonly averaged: Tensor[];
  readonly copied: Tensor[];
}

export const allOf = ({ averaged, copied }: Tensors): Tensor[] => [...averaged, ...copied];

/** The parameters, and the buffers of the model: looked at once. Throws `ERR_ARGUMENT`. */
export function watch(name: string, params: unknown, { model, useBuffers = false }: AveragingOptions): Tensors & { params: Tensor[] } {
  const own = checkTensors(`new ${name}(params)`, params);
  if (own.length === 0) throw argumentError(`new ${name}(params)`, "at least one parameter", own);
  const integer = own.find(({ dtype }) => !isFloatingPoint(dtype) && !isComplex(dtype));
  if (integer !== undefined) throw new DgsamError("ERR_ARGUMENT", `new ${name}(params): expected parameters of a floating or complex dtype, got one of ${integer.dtype}`);
  checkBoolean(`${name}: useBuffers`, useBuffers);
  if (model === undefined && useBuffers) throw new DgsamError("ERR_ARGUMENT", `${name}: useBuffers: expected the option "model" beside it; without the model its buffers are not known`);
  if (model !== undefined && typeof (model as BuffersOwner | null)?.buffers !== "function") throw argumentError(`${name}: model`, "an object with buffers(), such as a Module", model);
  const buffers = model === undefined ? [] : [...model.buffers()];
  const averages = (buffer: Tensor): boolean => useBuffers && (isFloatingPoint(buffer.dtype) || isComplex(buffer.dtype));
  return { params: own, averaged: [...own, ...buffers.filter(averages)], copied: buffers.filter((buffer) => !averages(buffer)) };
}

/** An array of tensors, none of them twice. Throws `ERR_ARGUMENT`. */
export function checkTensors(name: string, list: unknown): Tensor[] {
  const tensors = checkParams(name, list, "an array of Tensors");
  tensors.forEach((each, i) => {
    if (!(each instanceof Tensor)) throw argumentError(`${name}[${i}]`, "a Tensor", each);
    if (tensors.indexOf(each) < i) throw new DgsamError("ERR_ARGUMENT", `${name}[${i}] is in the list already`);
  });
  return tensors as Tensor[];
}

/** Copies, value by value, whatever the dtypes. */
export function copyInto(targets: readonly Tensor[], sources: readonly Tensor[]): void {
  if (targets.length === 0) return;
  noGrad(() => operators().copy(targets, sources));
  forgetCasts();
}

export interface RunningAverageState {
  /** How many went into it. */
  count: number;
  /** Those that are averaged, then those that are copied; none before the first. */
  tensors: Tensor[];
}

/** A state that was checked and copied. */
export interface AdoptedState {
  count: number;
  tensors: Tensors | null;
}

/** An average, kept up to date. Its tensors outlive every scope. */
export class RunningAverage {
  count = 0;
  private tensors: Tensors | null = null;

  get all(): Tensor[] {
    return this.tensors === null ? [] : allOf(this.tensors);
  }

  /** Holds a copy of `source` that counts for nothing: the first {@link add} replaces it. */
  begin(source: Tensors): void {
    this.dispose();
    const { clone } = operators();
    const copies = (list: readonly Tensor[]): Tensor[] => list.map((each) => keep(clone(each)));
    this.tensors = noGrad(() => ({ averaged: copies(source.averaged), copied: copies(source.copied) }));
  }

  /** Moves towards `source` by `weight`; becomes it the first time. Follows when that was converted to another dtype or device. */
  add(source: Tensors, weight: number): void {
    if (this.tensors === null) this.begin(source);
    else {
      const { averaged, copied } = this.tensors;
      follow(averaged, source.averaged);
      follow(copied, source.copied);
      if (this.count === 0) copyInto(averaged, source.averaged);
      else noGrad(() => operators().lerp(averaged, source.averaged, weight));
      copyInto(copied, source.copied);
    }
    this.count++;
  }

  /** Frees its tensors, but those `inUse`, and starts anew. */
  dispose(inUse: ReadonlySet<Tensor> = new Set()): void {
    for (const each of this.all) if (!inUse.has(each)) each.dispose();
    this.release();
  }

  /** Another of its values, whose tensors belong to the scope of the caller. */
  copy(): RunningAverage {
    const { clone } = operators();
    const other = new RunningAverage();
    other.count = this.count;
    const copies = (list: readonly Tensor[]): Tensor[] => list.map((each) => clone(each));
    other.tensors = this.tensors && { averaged: copies(this.tensors.averaged), copied: copies(this.tensors.copied) };
    return other;
  }

  /** Hands its tensors over and starts anew. */
  release(): Tensors {
    const { tensors } = this;
    this.tensors = null;
    this.count = 0;
    return tensors ?? { averaged: [], copied: [] };
  }

  /** The tensors are its own: copy them before the next {@link add} if you keep them. */
  state(): RunningAverageState {
    return { count: this.count, tensors: this.all };
  }

  /** Takes over a state from {@link adoptState}. What the given state dict holds may be its own tensors: those live on. */
  take({ count, tensors }: AdoptedState, given: ReadonlySet<Tensor>): void {
    this.dispose(given);
    if (tensors !== null) for (const each of allOf(tensors)) keep(each);
    this.count = count;
    this.tensors = tensors;
  }
}

/** Converts those of `list` that are of another dtype or device than their counterparts. */
function follow(list: Tensor[], others: readonly Tensor[]): void {
  list.forEach((own, i) => {
    const other = others[i]!;
    if (own.dtype === other.dtype && own.device === other.device) return;
    list[i] = keep(noGrad(() => ops.aten["to.device"](own, other.device, other.dtype)));
    own.dispose();
  });
}

/** Copies of tensors from a state dict, like those of `like`. Throws `ERR_ARGUMENT` unless they fit. */
export function adoptTensors(name: string, given: unknown, like: Tensors): Tensors {
  const all = allOf(like);
  if (!Array.isArray(given) || given.length !== all.length) throw argumentError(name, `${all.length} Tensors, one for each that is averaged or copied`, given);
  const copies = given.map((each: unknown, i) => {
    const wanted = all[i]!;
    if (!(each instanceof Tensor)) throw argumentError(`${name}[${i}]`, "a Tensor", each);
    if (each.shape.join(", ") !== wanted.shape.join(", "))
      throw new DgsamError("ERR_ARGUMENT", `${name}[${i}]: expected shape [${wanted.shape.join(", ")}], got [${each.shape.join(", ")}]`);
    return ops.aten["copy_.default"](ops.aten["empty_like.default"](wanted), each);
  });
  return { averaged: copies.slice(0, like.averaged.length), copied: copies.slice(like.averaged.length) };
}

/** A copy of a running average's state, checked. Call it in a scope and in noGrad(). */
export function adoptState(name: string, state: unknown, like: Tensors): AdoptedState {
  if (!isPlainObject(state)) throw argumentError(name, "{ count, tensors }", state);
  const { count, tensors } = state;
  checkInteger(`${name}.count`, count, 0);
  const none = count === 0 && Array.isArray(tensors) && tensors.length === 0;
  return { count, tensors: none ? null : adoptTensors(`${name}.tensors`, tensors, like) };
}
