/** What averages of weights share: they are written into parameters, for good or for a while. */

import { isPlainObject, optionsOf } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { isPromiseLike, type NoPromise } from "../../tensor/internal.js";
import { noGrad, scope, type Tensor } from "../../tensor/index.js";
import {
  adoptState, allOf, checkTensors, copyInto, RunningAverage, watch, type AveragingOptions, type Tensors,
} from "./running-average.js";

/** Base of the averages over weights. */
export abstract class WeightAverage {
  protected readonly watched: Tensors & { params: Tensor[] };
  private swapped = false;

  /**
   * @param options the whole of what the constructor was given; `ownOptions` are the subclass's names
   * @throws DgsamError `ERR_ARGUMENT`
   */
  protected constructor(params: Iterable<Tensor>, options: AveragingOptions, ownOptions: readonly string[]) {
    const name = this.constructor.name;
    const { model, useBuffers } = optionsOf(name, options, [...ownOptions, "model", "useBuffers"]);
    this.watched = watch(name, params, { ...(model !== undefined && { model }), ...(useBuffers !== undefined && { useBuffers }) });
  }

  /** The averages, of all that is watched. Called in a scope, which frees what it makes. Throws `ERR_STATE` where there are none. */
  protected abstract averages(): Tensor[];

  /**
   * Copies the averages into the parameters and into the buffers of the model, for good: say after training. With `params`
   * into those, say of another model, which must have the shapes and order of this average's; buffers are left out then.
   *
   * @throws DgsamError `ERR_STATE` before the first average; `ERR_ARGUMENT` when `params` do not fit
   */
  copyTo(params?: Iterable<Tensor>): void {
    this.checkNotSwapped("copyTo()");
    scope(() => {
      const averages = this.averages();
      if (params === undefined) return copyInto(allOf(this.watched), averages);
      const name = `${this.constructor.name}.copyTo(params)`;
      const targets = checkTensors(name, params);
      const own = averages.slice(0, this.watched.params.length);
      if (targets.length !== own.length) throw argumentError(name, `${own.length} parameters`, targets);
      targets.forEach((target, i) => {
        const expected = own[i]!.shape.join(", ");
        if (target.shape.join(", ") !== expected) throw new DgsamError("ERR_ARGUMENT", `${name}[${i}]: expected shape [${expected}], got [${target.shape.join(", ")}]`);
      });
      copyInto(targets, own);
    });
  }

  /**
   * Runs `fn` with the averages in the parameters and in the buffers of the model, and then puts back what was there, bit
   * for bit, whatever `fn` throws or does to them. Takes memory for one copy of the weights while it runs.
   *
   * @returns what `fn` returns
   * @throws DgsamError `ERR_STATE` before the first average, or within another swap; `ERR_ARGUMENT` when `fn` returns a
   *   promise: use {@link swapAsync}
   */
  swap<T>(fn: () => T & NoPromise<T, "fn returns a promise: use swapAsync(fn)">): T {
    const putBack = this.putIn("swap(fn)", fn);
    try {
      const result = fn();
      if (!isPromiseLike(result)) return result;
      // Whoever made the promise may reject it; that is not news beside this error.
      Promise.resolve(result).catch(() => {});
      throw new DgsamError("ERR_ARGUMENT", `${this.constructor.name}.swap(fn): fn returned a promise, but the averages are in place until fn returns only; use swapAsync(fn)`);
    } finally {
      putBack();
    }
  }

  /** As {@link swap}, until the promise of `fn` settles. Nothing else may train the weights in the meantime. */
  async swapAsync<T>(fn: () => PromiseLike<T> | T): Promise<T> {
    const putBack = this.putIn("swapAsync(fn)", fn);
    try {
      return await fn();
    } finally {
      putBack();
    }
  }

  /** Puts the averages in place; what it returns puts back what was there. */
  private putIn(what: string, fn: unknown): () => void {
    if (typeof fn !== "function") throw argumentError(`${this.constructor.name}.${what}`, "a function", fn);
    this.checkNotSwapped(what);
    const targets = allOf(this.watched);
    const before = new RunningAverage();
    const putBack = (): void => {
      this.swapped = false;
      copyInto(targets, before.all);
      before.dispose();
    };
    try {
      scope(() => {
        const averages = this.averages();
        before.begin(this.watched);
        this.swapped = true;
        copyInto(targets, averages);
      });
    } catch (error) {
      if (this.swapped) putBack();
      throw error;
    }
    return putBack;
  }

  /** Throws `ERR_STATE` while the averages are in place. */
  protected checkNotSwapped(what: string): void {
    if (this.swapped) throw new DgsamError("ERR_STATE", `${this.constructor.name}.${what}: the averages are in place of the weights, by swap(); let that end first`);
  }
}

/** State of {@link EMA} and {@link SWA}. */
export interface AverageStateDict {
  /** How often `update()` was called. */
  nAveraged: number;
  /** The averages: of the parameters, then of buffers that are averaged, then copies of the others. */
  tensors: Tensor[];
}

/** Base of the averages that every update moves. */
export abstract class UpdatedAverage extends WeightAverage {
  private readonly average = new RunningAverage();

  /** How many times the weights were averaged. */
  get nAveraged(): number {
    return this.average.count;
  }

  /** The share of the newest weights, when `nAveraged` were averaged before; at least one was. */
  protected abstract weightOfNewest(nAveraged: number): number;

  /**
   * Takes the weights as they now are into the average: after each step of the optimizer, or after each epoch. The first
   * call copies them. Frozen parameters count like others. When parameters were converted to another dtype or moved to
   * another device since, the average is converted as well.
   *
   * @throws DgsamError `ERR_STATE` within {@link swap}; `ERR_DISPOSED`
   */
  update(): void {
    this.checkNotSwapped("update()");
    this.average.add(this.watched, this.weightOfNewest(this.nAveraged));
  }

  protected averages(): Tensor[] {
    if (this.nAveraged === 0) throw new DgsamError("ERR_STATE", `${this.constructor.name}: there is no average yet; call update() after a step first`);
    return this.average.all;
  }

  /** For saving. The tensors are the average's own: copy them before the next update if you keep them. */
  stateDict(): AverageStateDict {
    const { count, tensors } = this.average.state();
    return { nAveraged: count, tensors };
  }

  /**
   * Takes over a state dict, copied and converted to the parameters' dtypes and devices.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it does not fit; then nothing is changed
   */
  loadStateDict(dict: AverageStateDict): void {
    const name = `${this.constructor.name}.loadStateDict`;
    this.checkNotSwapped("loadStateDict(dict)");
    if (!isPlainObject(dict) || !("nAveraged" in dict)) throw argumentError(`${name}(dict)`, "{ nAveraged, tensors } from stateDict()", dict);
    const state = { count: dict.nAveraged, tensors: dict.tensors };
    const adopted = noGrad(() => scope(() => adoptState(`${name}(dict)`, state, this.watched)));
    this.average.take(adopted, new Set(dict.tensors));
  }

  /** Frees the averages; the next {@link update} starts anew. */
  dispose(): void {
    this.average.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
