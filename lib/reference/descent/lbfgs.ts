/**
 * L-BFGS, as `torch.optim.LBFGS` computes it. With all parameters as one vector x, each iteration of a step is
 *
 *     y <- g - gPrevious;  s <- t d;  remember (y, s, rho = 1 / y.s) if y.s > 1e-10, and H <- y.s / y.y
 *     d <- -g the first time, else by the two-loop recursion over the remembered pairs:
 *          q <- -g;  newest to oldest:  a_i <- rho_i s_i.q,  q <- q - a_i y_i
 *          r <- H q; oldest to newest:  r <- r + s_i (a_i - rho_i y_i.r);   d <- r
 *     t <- lr, the first time min(1, 1 / sum|g|) lr, or what the line search finds from there
 *     x <- x + t d
 *
 * A parameter whose gradient is `null` counts as one with zeros; d is zero there, so that it stays (torch.optim would move
 * it by what it remembers). A loss or gradient that is not finite undoes the step.
 *
 * Source: torch/optim/lbfgs.py; Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 7.4.
 */
import type { Closure } from "../closures.js";
import { checkNumber, TwinError } from "../errors.js";
import { strongWolfe, type Trial } from "./line-search.js";
import { checkGradients, type Gradients, type ParamGroup } from "./optimizer.js";

export interface LBFGSOptions {
  /** Learning rate, >= 0. Default 1. */
  lr?: number;
  /** Iterations of a step, at most. Default 20. */
  maxIter?: number;
  /** Evaluations of a step after which no iteration begins. Default floor(5/4 maxIter). */
  maxEval?: number;
  /** The step ends when no element of the gradient is larger, >= 0. Default 1e-7. */
  toleranceGrad?: number;
  /** The step ends when the loss or every parameter changes by less, >= 0. Default 1e-9. */
  toleranceChange?: number;
  /** How many pairs are remembered. Default 100. */
  historySize?: number;
  /** null for steps of length lr. Default null. */
  lineSearchFn?: null | "strong_wolfe";
}

interface Memory {
  readonly d: Float64Array;
  readonly t: number;
  readonly pairs: readonly { readonly y: Float64Array; readonly s: Float64Array; readonly rho: number }[];
  readonly H: number;
  readonly g: Float64Array;
  readonly loss: number;
}

interface Point {
  readonly loss: number;
  readonly g: Float64Array;
  readonly grads: Gradients;
}

export class LBFGS {
  /** One group. */
  readonly paramGroups: readonly [ParamGroup<LBFGSOptions>];
  readonly params: readonly Float64Array[];
  funcEvals = 0;
  nIter = 0;
  #memory: Memory | null = null;

  /** @throws TwinError ERR_ARGUMENT for an option out of range or for no parameters. */
  constructor(params: readonly Float64Array[], options: LBFGSOptions = {}) {
    if (params.length === 0) throw new TwinError("ERR_ARGUMENT", "params: expected at least one parameter, got none");
    const { maxIter = 20 } = options;
    const defaults = { lr: 1, maxIter, maxEval: Math.floor((maxIter * 5) / 4), toleranceGrad: 1e-7, toleranceChange: 1e-9, historySize: 100, lineSearchFn: null };
    this.params = params;
    this.paramGroups = [{ ...defaults, ...options, params }];
    const [group] = this.paramGroups;
    for (const option of ["lr", "toleranceGrad", "toleranceChange"] as const) checkNumber(`LBFGS: ${option}`, group[option], 0);
    for (const option of ["maxIter", "maxEval", "historySize"] as const) checkNumber(`LBFGS: ${option}`, group[option], 1);
  }

  /**
   * One step; returns the first loss.
   *
   * @throws TwinError ERR_NON_FINITE when a loss or gradient is not finite; nothing is changed then, nor when `closure` throws.
   */
  step(closure: Closure): number {
    const start = this.params.map((param) => param.slice());
    const { funcEvals, nIter } = this;
    const memory = this.#memory;
    try {
      return this.#iterate(closure);
    } catch (error) {
      this.#set(start);
      Object.assign(this, { funcEvals, nIter });
      this.#memory = memory;
      throw error;
    }
  }

  #iterate(closure: Closure): number {
    const [{ lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn }] = this.paramGroups;
    const evalsBefore = this.funcEvals;
    let point = this.#evaluate(closure);
    const firstLoss = point.loss;
    if (largest(point.g) <= toleranceGrad) return firstLoss;
    for (let n = 1; n <= maxIter; n++) {
      this.nIter++;
      const { g, loss, grads } = point;
      const before = this.#memory;
      const pairs = before ? [...before.pairs] : [];
      let H = before ? before.H : 1;
      if (before) {
        const y = g.map((value, i) => value - before.g[i]!);
        const s = before.d.map((value) => value * before.t);
        const ys = dot(y, s);
        if (ys > 1e-10) {
          while (pairs.length >= historySize) pairs.shift();
          pairs.push({ y, s, rho: 1 / ys });
          H = ys / dot(y, y);
        }
      }
      const d = before ? twoLoop(g, pairs, H) : g.map((value) => -value);
      this.#clearMissing(d, grads);
      let t = before ? lr : Math.min(1, 1 / g.reduce((sum, value) => sum + Math.abs(value), 0)) * lr;
      const gtd = dot(g, d);
      this.#memory = { d, t, pairs, H, g, loss };
      if (gtd > -toleranceChange) break;

      if (lineSearchFn === null) {
        this.#move(t, d);
        if (n < maxIter) point = this.#evaluate(closure);
      } else {
        const origin = this.params.map((param) => param.slice());
        const points = new Map<Trial, Point>();
        const at = (step: number): Trial => {
          this.#move(step, d);
          const reached = this.#evaluate(closure);
          this.#set(origin);
          const trial = { t: step, f: reached.loss, gtd: dot(reached.g, d), g: reached.g };
          points.set(trial, reached);
          return trial;
        };
        const found = strongWolfe(at, { t: 0, f: loss, gtd, g }, t, largest(d), toleranceChange, maxEval - (this.funcEvals - evalsBefore));
        t = found.t;
        this.#memory = { ...this.#memory, t };
        this.#move(t, d);
        point = points.get(found) ?? point;
      }

      if (this.funcEvals - evalsBefore >= maxEval) break;
      if (largest(point.g) <= toleranceGrad) break;
      if (largest(d.map((value) => value * t)) <= toleranceChange) break;
      if (Math.abs(point.loss - loss) < toleranceChange) break;
    }
    return firstLoss;
  }

  #evaluate(closure: Closure): Point {
    this.funcEvals++;
    const { loss, grads } = closure();
    checkGradients(this.params, grads);
    if (!Number.isFinite(loss) || !grads.every((grad) => grad === null || grad.every(Number.isFinite)))
      throw new TwinError("ERR_NON_FINITE", "LBFGS: expected finite losses and gradients, got others; nothing was changed");
    return { loss, grads, g: Float64Array.from(this.params.flatMap((param, index) => [...(grads[index] ?? new Float64Array(param.length))])) };
  }

  #move(t: number, d: Float64Array): void {
    let at = 0;
    for (const param of this.params) for (let i = 0; i < param.length; i++) param[i]! += t * d[at++]!;
  }

  #set(values: readonly Float64Array[]): void {
    for (const [index, param] of this.params.entries()) param.set(values[index]!);
  }

  #clearMissing(d: Float64Array, grads: Gradients): void {
    let at = 0;
    for (const [index, { length }] of this.params.entries()) {
      if (!grads[index]) d.fill(0, at, at + length);
      at += length;
    }
  }
}

function twoLoop(g: Float64Array, pairs: Memory["pairs"], H: number): Float64Array {
  const q = g.map((value) => -value);
  const a: number[] = [];
  for (let i = pairs.length - 1; i >= 0; i--) {
    const { y, s, rho } = pairs[i]!;
    a[i] = dot(s, q) * rho;
    for (let k = 0; k < q.length; k++) q[k]! -= a[i]! * y[k]!;
  }
  const r = q.map((value) => value * H);
  for (const [i, { y, s, rho }] of pairs.entries()) {
    const b = dot(y, r) * rho;
    for (let k = 0; k < r.length; k++) r[k]! += s[k]! * (a[i]! - b);
  }
  return r;
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

function largest(vector: Float64Array): number {
  return vector.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
