/**
 * Stochastic weight averaging, densely (SWAD): the mean of the weights of every step in the flat valley that the validation
 * loss passes through. Cha et al., NeurIPS 2021, arXiv 2102.08604; the rule is that of the authors' code (`LossValley` in
 * khanrc/swad), on which their numbers rest.
 *
 * Steps between two evaluations are a segment: its mean weights a_i, and the loss l_i at its end. N_s is `nConverge`, N_e
 * `nTolerance`.
 *
 *     begin   at the first i where l_(i-N_s+1) is the least of l_(i-N_s+1) .. l_i; it is the converged segment c
 *             B <- (1 + toleranceRatio) * mean(l_c .. l_i)
 *             N_e < N_s: average a_(c+1) .. a_(c+N_s-N_e)
 *             N_e > N_s: of the oldest N_e - N_s + 1 of the last N_e segments, average those after the first that
 *             follows the last with l > B
 *     go on   at each i: with o the oldest of the last N_e segments, unless o is before c: average a_o, if the least of
 *             l_o .. l_i is at most B; else the valley is dead
 *     end     not dead: drop o; then average the oldest, while the least loss of those that are left is at most B
 *
 * Where nothing is averaged yet the average is a_c. As published, a_c itself then gives way to the first segment that is
 * averaged, and segments before and at c may be averaged twice where N_e > N_s.
 */

import { checkBoolean, checkInteger, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { keep, noGrad, scope, type Tensor } from "../../tensor/index.js";
import {
  adoptState, adoptTensors, allOf, RunningAverage, type AveragingOptions, type RunningAverageState, type Tensors,
} from "./running-average.js";
import { WeightAverage } from "./weight-average.js";

export interface SWADOptions extends AveragingOptions {
  /** N_s, how many segments without a lower loss show that training has converged. At least 1, default 3. */
  nConverge?: number;
  /** N_e, how many segments in a row must be above the threshold for the valley to end. At least 1, default 6. */
  nTolerance?: number;
  /** How far above the loss at convergence the valley reaches, relative to it. At least 0, default 0.3. */
  toleranceRatio?: number;
}

export interface SWADResult {
  /** Whether the validation loss ever converged; when not, the weights are the mean over the last segment. */
  converged: boolean;
  /** The first and the last step in the average, from 1. */
  startStep: number;
  endStep: number;
  /** The least loss of the tolerance window may be so large in the valley; null before convergence. */
  threshold: number | null;
  /** How many segments were averaged; 0 where the weights are a single segment's. */
  segments: number;
}

interface Span {
  startStep: number;
  endStep: number;
}

interface Segment extends Span {
  tensors: Tensors;
  loss: number;
}

/** What is known from convergence on. */
interface Valley {
  threshold: number;
  /** The last step of the converged segment. */
  convergeStep: number;
  /** What is averaged, of the converged segment at first. */
  span: Span;
}

export interface SWADStateDict {
  /** How often `update()` was called. */
  step: number;
  finished: boolean;
  /** The first step of the segment under way, and its mean. */
  startStep: number;
  segment: RunningAverageState;
  /** The segments that may still be averaged, oldest first. */
  segments: (Span & { loss: number; tensors: Tensor[] })[];
  valley: (Span & { threshold: number; convergeStep: number }) | null;
  average: RunningAverageState;
}

/**
 * `update()` after each step, `evaluate(loss)` after each evaluation on validation data of the source domains; stop when
 * `finished`, or go on without effect. Then {@link copyTo} or {@link swap}.
 *
 * Memory: up to max(nConverge, nTolerance) + 2 copies of the weights, on their device; one more during `copyTo()` and two
 * during `swap()`.
 */
export class SWAD extends WeightAverage {
  readonly nConverge: number;
  readonly nTolerance: number;
  readonly toleranceRatio: number;
  private step = 0;
  private dead = false;
  private startStep = 0;
  private readonly segment = new RunningAverage();
  private segments: Segment[] = [];
  private valley: Valley | null = null;
  private readonly average = new RunningAverage();

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(params: Iterable<Tensor>, options: SWADOptions = {}) {
    super(params, options, ["nConverge", "nTolerance", "toleranceRatio"]);
    const { nConverge = 3, nTolerance = 6, toleranceRatio = 0.3 } = options;
    checkInteger("SWAD: nConverge", nConverge, 1);
    checkInteger("SWAD: nTolerance", nTolerance, 1);
    checkNumber("SWAD: toleranceRatio", toleranceRatio, 0, Infinity, false);
    this.nConverge = nConverge;
    this.nTolerance = nTolerance;
    this.toleranceRatio = toleranceRatio;
  }

  /** Whether the validation loss has converged: averaging goes on from there. */
  get converged(): boolean {
    return this.valley !== null;
  }

  /** Whether the valley is dead: nothing changes the average any more. */
  get finished(): boolean {
    return this.dead;
  }

  /**
   * Takes the weights as they now are into the segment under way: after each step of the optimizer. Does nothing but count
   * once {@link finished}.
   *
   * @throws DgsamError `ERR_STATE` within {@link swap}; `ERR_DISPOSED`
   */
  update(): void {
    this.checkNotSwapped("update()");
    if (!this.dead) this.segment.add(this.watched, 1 / (this.segment.count + 1));
    this.step++;
    if (this.segment.count === 1) this.startStep = this.step;
  }

  /**
   * Ends the segment under way with the loss on validation data, of the weights as they now are.
   *
   * @throws DgsamError `ERR_STATE` without an {@link update} since the last evaluation; `ERR_ARGUMENT` when the loss is no
   *   finite number; then nothing is changed
   */
  evaluate(validationLoss: number): void {
    this.checkNotSwapped("evaluate(validationLoss)");
    if (!Number.isFinite(validationLoss)) throw argumentError("SWAD.evaluate(validationLoss)", "a finite number", validationLoss);
    if (this.dead) return;
    if (this.segment.count === 0) throw new DgsamError("ERR_STATE", "SWAD.evaluate(): there was no step since the last evaluation; call update() after each step");
    this.segments.push({ tensors: this.segment.release(), startStep: this.startStep, endStep: this.step, loss: validationLoss });
    if (this.valley === null) this.detect();
    else this.goOn(this.valley);
    const needed = this.valley === null ? Math.max(this.nConverge, this.nTolerance) : this.nTolerance;
    if (this.segments.length > needed) free(this.segments.splice(0, this.segments.length - needed));
  }

  /** Begins the valley if the loss has converged. */
  private detect(): void {
    const { nConverge, nTolerance, toleranceRatio } = this;
    const window = this.segments.slice(-nConverge);
    const [first] = window as [Segment];
    if (window.length < nConverge || window.some(({ loss }) => loss < first.loss)) return;
    const mean = window.reduce((sum, { loss }) => sum + loss, 0) / nConverge;
    const valley: Valley = { threshold: mean * (1 + toleranceRatio), convergeStep: first.endStep, span: spanOf(first) };
    this.valley = valley;
    this.average.begin(first.tensors);
    if (nTolerance < nConverge) for (const each of window.slice(1, nConverge - nTolerance + 1)) this.include(each, valley);
    if (nTolerance > nConverge) {
      const oldest = this.segments.slice(-nTolerance).slice(0, nTolerance - nConverge + 1);
      const begin = oldest.findLastIndex(({ loss }) => loss > valley.threshold) + 1;
      for (const each of oldest.slice(begin + 1)) this.include(each, valley);
    }
  }

  private goOn(valley: Valley): void {
    const window = this.segments.slice(-this.nTolerance);
    const [oldest] = window as [Segment];
    if (oldest.endStep < valley.convergeStep) return;
    if (leastLoss(window) <= valley.threshold) return this.include(oldest, valley);
    this.dead = true;
    free(this.segments.splice(0));
  }

  private include(segment: Segment, valley: Valley): void {
    valley.span = joined(this.average.count, valley.span, segment);
    this.average.add(segment.tensors, 1 / (this.average.count + 1));
  }

  /** The segments that would still be averaged if training ended now. */
  private rest(valley: Valley): Segment[] {
    const left = this.segments.slice(-this.nTolerance).slice(1);
    // The least loss of those that are left grows with each that goes: it is above from some place on.
    const end = left.findIndex((_, i) => leastLoss(left.slice(i)) > valley.threshold);
    return end < 0 ? left : left.slice(0, end);
  }

  /**
   * What the average is of, if training ended now. {@link copyTo} gives its weights. Training may go on after either.
   *
   * @throws DgsamError `ERR_STATE` before the first evaluation
   */
  result(): SWADResult {
    const { valley } = this;
    if (valley === null) return { converged: false, ...spanOf(this.lastSegment()), threshold: null, segments: 0 };
    let { span } = valley;
    let segments = this.average.count;
    for (const each of this.rest(valley)) span = joined(segments++, span, each);
    return { converged: true, ...span, threshold: valley.threshold, segments };
  }

  protected averages(): Tensor[] {
    const { valley } = this;
    if (valley === null) return allOf(this.lastSegment().tensors);
    const rest = this.rest(valley);
    if (rest.length === 0) return this.average.all;
    const whole = this.average.copy();
    for (const { tensors } of rest) whole.add(tensors, 1 / (whole.count + 1));
    return whole.all;
  }

  private lastSegment(): Segment {
    const last = this.segments.at(-1);
    if (last === undefined) throw new DgsamError("ERR_STATE", "SWAD: there is no average yet; call update() after each step and evaluate() after each evaluation first");
    return last;
  }

  /** For saving: numbers and tensors. The tensors are its own: copy them before the next update if you keep them. */
  stateDict(): SWADStateDict {
    const { step, dead, startStep, valley } = this;
    return {
      step,
      finished: dead,
      startStep,
      segment: this.segment.state(),
      segments: this.segments.map(({ tensors, ...rest }) => ({ ...rest, tensors: allOf(tensors) })),
      valley: valley && { threshold: valley.threshold, convergeStep: valley.convergeStep, ...valley.span },
      average: this.average.state(),
    };
  }

  /**
   * Takes over a state dict, copied and converted to the parameters' dtypes and devices. The options are the constructor's.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it does not fit; then nothing is changed
   */
  loadStateDict(dict: SWADStateDict): void {
    const name = "SWAD.loadStateDict(dict)";
    this.checkNotSwapped("loadStateDict(dict)");
    if (!isPlainObject(dict) || !Array.isArray(dict.segments)) throw argumentError(name, "{ step, finished, startStep, segment, segments, valley, average } from stateDict()", dict);
    const { valley } = dict;
    checkInteger(`${name}: step`, dict.step, 0);
    checkInteger(`${name}: startStep`, dict.startStep, 0);
    checkBoolean(`${name}: finished`, dict.finished);
    if (valley !== null) checkSpan(`${name}: valley`, valley, ["threshold", "convergeStep"]);
    if (valley !== null && dict.average?.count === 0) throw new DgsamError("ERR_ARGUMENT", `${name}: average: expected the tensors of the valley, got none`);
    const adopted = noGrad(() =>
      scope(() => ({
        segment: adoptState(`${name}: segment`, dict.segment, this.watched),
        average: adoptState(`${name}: average`, dict.average, this.watched),
        segments: dict.segments.map((each, i) => {
          const what = `${name}: segments[${i}]`;
          checkSpan(what, each, ["loss"]);
          return { ...spanOf(each), loss: each.loss, tensors: adoptTensors(`${what}.tensors`, each.tensors, this.watched) };
        }),
      })),
    );
    const given = new Set([...dict.segment.tensors, ...dict.average.tensors, ...dict.segments.flatMap(({ tensors }) => tensors)]);
    free(this.segments, given);
    this.segment.take(adopted.segment, given);
    this.average.take(adopted.average, given);
    for (const { tensors } of adopted.segments) for (const each of allOf(tensors)) keep(each);
    this.segments = adopted.segments;
    this.step = dict.step;
    this.dead = dict.finished;
    this.startStep = dict.startStep;
    this.valley = valley && { threshold: valley.threshold, convergeStep: valley.convergeStep, span: spanOf(valley) };
  }

  /** Frees all it holds and forgets what it saw. */
  dispose(): void {
    this.segment.dispose();
    this.average.dispose();
    free(this.segments.splice(0));
    this.valley = null;
    this.dead = false;
    this.step = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function spanOf({ startStep, endStep }: Span): Span {
  return { startStep, endStep };
}

/** The span of `count` averaged segments and one more: the first that is averaged begins it anew. */
function joined(count: number, span: Span, { startStep, endStep }: Span): Span {
  return count === 0 ? { startStep, endStep } : { startStep: span.startStep, endStep };
}

function leastLoss(segments: readonly Segment[]): number {
  return Math.min(...segments.map(({ loss }) => loss));
}

function free(segments: readonly Segment[], inUse: ReadonlySet<Tensor> = new Set()): void {
  for (const { tensors } of segments) for (const each of allOf(tensors)) if (!inUse.has(each)) each.dispose();
}

function checkSpan(name: string, value: unknown, numbers: readonly string[]): void {
  if (!isPlainObject(value)) throw argumentError(name, `{ startStep, endStep, ${numbers.join(", ")} }`, value);
  checkInteger(`${name}.startStep`, value["startStep"], 1);
  checkInteger(`${name}.endStep`, value["endStep"], 1);
  for (const each of numbers) if (!Number.isFinite(value[each])) throw argumentError(`${name}.${each}`, "a finite number", value[each]);
}
