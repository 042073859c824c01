/**
 * Limited-memory BFGS, as torch.optim.LBFGS: Newton's direction, with the inverse Hessian H made of the last few steps and
 * of how the gradient changed over them. All parameters are one vector p here.
 *
 *     g  <- grad L(p)
 *     s  <- t * d,  y  <- g - gBefore            (of the step before; remembered where y.s > 1e-10)
 *     d  <- -H g,  H from the pairs (y, s), starting from (y.s / y.y) I;  d <- -g the first time
 *     t  <- lr,  the first time lr * min(1, 1 / ||g||_1);  with "strong_wolfe" where the line search ends
 *     p  <- p + t * d
 *
 * One `step` iterates this up to `maxIter` times. Nocedal & Wright, Numerical Optimization, 2nd edition, algorithm 7.4.
 * It needs a loss that is the same function at every call: the whole data, or one minibatch for a whole step.
 */

import { checkChoice, checkInteger, checkNumber, checkOptions, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { forgetCasts, zeroGradients } from "../../tensor/internal.js";
import { keep, noGrad, ops, scope, Tensor } from "../../tensor/index.js";
import { checkLeaves, checkOptionsObject, checkParams } from "../checks.js";
import { checkClosure, NonFinite, type Closure } from "../closures.js";
import { calledInStep, disposedError } from "../disposed.js";
import { flatten, iterate, type Draft, type LBFGSOptions, type Memory } from "./lbfgs-iterations.js";
import type { ParamGroup, ParamsInput } from "./optimizer.js";

export type { LBFGSOptions };

/** Evaluations and iterations so far and, from the first iteration on, what it remembers of them. */
export type LBFGSState = { funcEvals: number; nIter: number } & Partial<Memory>;

export interface LBFGSStateDict {
  state: LBFGSState;
  paramGroups: (LBFGSOptions & { params: number[] })[];
}

export class LBFGS {
  /** One group, of all parameters. */
  readonly paramGroups: ParamGroup<LBFGSOptions>[];
  readonly defaults: LBFGSOptions;
  /** It evaluates losses itself, at several points of a step: it cannot descend along gradients that SAM or DGSAM gathered. */
  readonly needsClosure = true;
  private funcEvals = 0;
  private nIter = 0;
  private memory: Memory | null = null;
  private disposed = false;
  private running = false;

  /**
   * @param params tensors, or one group `{ params, ...options }`; all on one device
   * @throws DgsamError `ERR_ARGUMENT` when there are none, more groups, one is no leaf or comes twice, or an option is unknown or out of range
   */
  constructor(params: ParamsInput<LBFGSOptions>, options: Partial<LBFGSOptions> = {}) {
    checkOptionsObject("new LBFGS(params, options)", options);
    const list = checkParams("new LBFGS(params)", params, "an array of Tensors or of one group { params, ...options }");
    const groups = list.filter((each): each is { params: unknown } => isPlainObject(each) && "params" in each);
    if (groups.length > 0 && list.length > 1) throw oneGroupError("new LBFGS(params)", list.length);
    const { params: own, ...given } = groups[0] ?? { params: list };
    const tensors = own instanceof Tensor ? [own] : checkParams("LBFGS: group: params", own, "a Tensor or an array of Tensors");
    if (tensors.length === 0) throw argumentError("new LBFGS(params)", "at least one parameter", tensors);
    checkLeaves("LBFGS", tensors);
    this.defaults = resolve(options);
    this.paramGroups = [{ ...resolve({ ...options, ...given }), params: tensors }];
  }

  /**
   * One step of up to `maxIter` iterations. The closure is called several times; it returns its loss and does not call
   * `backward()`. Afterwards `grad` holds the gradient of the last evaluation. A parameter without a gradient stays. Beside
   * the history, a step takes memory for a copy of the parameters, for the pairs it adds and for a line search's gradients.
   *
   * @returns the loss at the parameters as they were
   * @throws DgsamError `ERR_NON_FINITE` when a loss, gradient or direction is not finite, `ERR_STATE` when the closure called
   *   `backward()`, `ERR_ARGUMENT`; then, and when the closure throws, parameters and state are as before
   */
  step(closure: Closure): number {
    this.checkUsable("step()");
    checkClosure("LBFGS.step(closure)", closure);
    const [group] = this.paramGroups as [ParamGroup<LBFGSOptions>];
    if (this.paramGroups.length !== 1) throw oneGroupError("LBFGS.step()", this.paramGroups.length);
    checkRanges(group);
    const { params } = group;
    return noGrad(() =>
      scope(() => {
        const before = params.map((parameter) => ops.aten["clone.default"](parameter));
        const draft: Draft = { funcEvals: this.funcEvals, nIter: this.nIter, memory: this.memory && ownLists(this.memory) };
        this.running = true;
        try {
          const loss = iterate(closure, group, draft);
          this.take(draft);
          return loss;
        } catch (error) {
          ops.aten["_foreach_copy_.default"](params, before);
          zeroGradients(params);
          if (!(error instanceof NonFinite)) throw error;
          const which = `${error.what} of evaluation ${draft.funcEvals - this.funcEvals}`;
          throw new DgsamError("ERR_NON_FINITE", `LBFGS: the ${which} of the step is ${error.value}; nothing of the step was applied (lineSearchFn: "strong_wolfe" or a smaller lr may help)`);
        } finally {
          this.running = false;
          forgetCasts();
        }
      }),
    );
  }

  /** Makes a state its own: its tensors outlive every scope, and what is no longer in use is freed. */
  private take(state: Draft, inUse: readonly Tensor[] = []): void {
    const tensors = new Set([...tensorsOf(state.memory), ...inUse]);
    for (const old of tensorsOf(this.memory)) if (!tensors.has(old)) old.dispose();
    for (const each of tensorsOf(state.memory)) keep(each);
    ({ funcEvals: this.funcEvals, nIter: this.nIter, memory: this.memory } = state);
  }

  /** Clears the gradients; with `setToNone` false fills them with zeros instead. */
  zeroGrad(setToNone = true): void {
    this.checkUsable("zeroGrad()");
    zeroGradients(this.paramGroups.flatMap((group) => group.params), setToNone);
  }

  /** @throws DgsamError `ERR_ARGUMENT` always: all parameters are one vector to it */
  addParamGroup(_group: unknown): never {
    throw oneGroupError("LBFGS.addParamGroup()", 2);
  }

  /** State and options, for saving. The tensors are the optimizer's own: copy them before the next step if you keep them. */
  stateDict(): LBFGSStateDict {
    this.checkUsable("stateDict()");
    const { funcEvals, nIter, memory } = this;
    return { state: { funcEvals, nIter, ...(memory && ownLists(memory)) }, paramGroups: this.paramGroups.map((group) => ({ ...group, params: group.params.map((_, i) => i) })) };
  }

  /**
   * Takes over a state dict, copied and converted to the parameters' dtype and device.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it is none, is of another number of parameters or elements, or an option is out
   *   of range; then nothing is changed
   */
  loadStateDict(dict: LBFGSStateDict): void {
    const name = "LBFGS.loadStateDict";
    this.checkUsable("loadStateDict()");
    if (!isPlainObject(dict) || !isPlainObject(dict.state) || !Array.isArray(dict.paramGroups) || dict.paramGroups.length !== 1 || !isPlainObject(dict.paramGroups[0]))
      throw argumentError(`${name}(dict)`, "{ state, paramGroups } from stateDict(), with one group", dict);
    const [group] = this.paramGroups as [ParamGroup<LBFGSOptions>];
    const { params: numbers, ...given } = dict.paramGroups[0]!;
    if (!Array.isArray(numbers) || numbers.length !== group.params.length)
      throw argumentError(`${name}: group 0: params`, `the numbers of ${group.params.length} parameters`, numbers);
    // Schedulers keep options of their own in a group.
    resolve(Object.fromEntries(Object.entries(given).filter(([option]) => option in this.defaults)));
    const { funcEvals, nIter, ...memory } = dict.state;
    checkInteger(`${name}: state.funcEvals`, funcEvals, 0);
    checkInteger(`${name}: state.nIter`, nIter, 0);
    const state = noGrad(() => scope(() => ({ funcEvals, nIter, memory: nIter === 0 ? null : copyMemory(`${name}: state`, memory, group.params) })));
    // The dict may be this optimizer's own.
    this.take(state, tensorsOf(dict.state));
    Object.assign(group, given);
  }

  /**
   * Frees the history. Parameters and their gradients stay; any other use afterwards is an `ERR_DISPOSED`.
   *
   * @throws DgsamError `ERR_STATE` in the closure of its own step
   */
  dispose(): void {
    if (this.running) throw calledInStep("LBFGS.dispose()");
    this.disposed = true;
    this.take({ funcEvals: 0, nIter: 0, memory: null });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private checkUsable(what: string): void {
    if (this.disposed) throw disposedError(`LBFGS.${what}`);
  }
}

function oneGroupError(name: string, groups: number): DgsamError {
  return new DgsamError("ERR_ARGUMENT", `${name}: expected one parameter group, got ${groups}; LBFGS treats all parameters as one vector, with the same options`);
}

/** Options with defaults filled in, checked. */
function resolve(given: Partial<LBFGSOptions>): LBFGSOptions {
  checkOptions("LBFGS", given, ["lr", "maxIter", "maxEval", "toleranceGrad", "toleranceChange", "historySize", "lineSearchFn"] satisfies (keyof LBFGSOptions)[]);
  const { lr = 1, maxIter = 20, maxEval = Math.floor((maxIter * 5) / 4), toleranceGrad = 1e-7, toleranceChange = 1e-9, historySize = 100, lineSearchFn = null } = given;
  const options = { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn };
  checkRanges(options);
  return options;
}

function checkRanges(options: LBFGSOptions): void {
  checkNumber("LBFGS: lr", options.lr, 0);
  checkInteger("LBFGS: maxIter", options.maxIter, 1);
  checkInteger("LBFGS: maxEval", options.maxEval, 1);
  checkNumber("LBFGS: toleranceGrad", options.toleranceGrad, 0);
  checkNumber("LBFGS: toleranceChange", options.toleranceChange, 0);
  checkInteger("LBFGS: historySize", options.historySize, 1);
  if (options.lineSearchFn !== null) checkChoice("LBFGS: lineSearchFn (or null)", options.lineSearchFn, ["strong_wolfe"]);
}

/** The same tensors, in lists of its own. */
function ownLists(memory: Memory): Memory {
  return { ...memory, oldDirs: [...memory.oldDirs], oldStps: [...memory.oldStps], ro: [...memory.ro] };
}

function tensorsOf(memory: Partial<Memory> | null): Tensor[] {
  if (memory === null) return [];
  const { d, prevFlatGrad, oldDirs = [], oldStps = [] } = memory;
  return [d, prevFlatGrad, ...oldDirs, ...oldStps].filter((each) => each instanceof Tensor);
}

/** A copy of what a state dict remembers, checked, in the dtype that the parameters have as one vector. */
function copyMemory(name: string, memory: Partial<Memory>, params: readonly Tensor[]): Memory {
  const like = flatten(params, params);
  const copy = (what: string, value: unknown): Tensor => {
    if (!(value instanceof Tensor)) throw argumentError(`${name}.${what}`, "a Tensor", value);
    if (value.shape.join(", ") !== `${like.numel}`)
      throw new DgsamError("ERR_ARGUMENT", `${name}.${what}: expected shape [${like.numel}], one number per element of the parameters, got [${value.shape.join(", ")}]`);
    return ops.aten["copy_.default"](ops.aten["empty_like.default"](like), value);
  };
  const number = (what: string, value: unknown): number => {
    if (!Number.isFinite(value)) throw argumentError(`${name}.${what}`, "a finite number", value);
    return value as number;
  };
  const { oldDirs, oldStps, ro } = memory;
  if (!Array.isArray(oldDirs) || !Array.isArray(oldStps) || !Array.isArray(ro) || oldStps.length !== oldDirs.length || ro.length !== oldDirs.length)
    throw argumentError(`${name}: oldDirs, oldStps, ro`, "three arrays of one length", oldDirs);
  return {
    d: copy("d", memory.d),
    t: number("t", memory.t),
    oldDirs: oldDirs.map((each, i) => copy(`oldDirs[${i}]`, each)),
    oldStps: oldStps.map((each, i) => copy(`oldStps[${i}]`, each)),
    ro: ro.map((each, i) => number(`ro[${i}]`, each)),
    HDiag: number("HDiag", memory.HDiag),
    prevFlatGrad: copy("prevFlatGrad", memory.prevFlatGrad),
    prevLoss: number("prevLoss", memory.prevLoss),
  };
}
