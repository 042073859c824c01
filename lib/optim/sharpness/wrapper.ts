/**
 * What the sharpness-aware optimizers share: they wrap a base optimizer, climb before it descends, and must leave nothing
 * behind when a step fails.
 *
 * An algorithm is a subclass with one method, {@link SharpnessAware.run}: which gradients it takes (`passes`) and what it
 * does with them (`climb`). Where it looks at nothing that these return, a `static readonly isPlannable = true` of its own makes
 * steps over captured functions one native call; it is not inherited, since a subclass may look.
 */

import { checkInteger, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { isInferenceModeEnabled, scope, type GraphStats, type Tensor } from "../../tensor/index.js";
import { gradientStamp, StepGraphs, zeroGradients } from "../../tensor/internal.js";
import { NonFinite } from "../closures.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { calledInStep, disposedError } from "../disposed.js";
import { Climb, isMismatch, type RadiusKey } from "./climb.js";
import { ClippedDescent } from "./clipped-descent.js";
import { UnreadStep, UnreadSteps } from "./late-step.js";
import { Ledger, type Stop } from "./ledger.js";
import { LedgerRows } from "./ledger-rows.js";
import { Passes, type StepClosures } from "./passes.js";
import { NO_COPIES, Statistics, type BufferCopies } from "./statistics.js";
import { StepCourse, type Algorithm } from "./step-course.js";
import {
  checkRadius, readArguments, splitGroup, type AlgorithmTraits, type AnyOptions, type OptimizerClass, type OptionsFor, type StepResult, type WrapperGroup, type WrapperOptions, type WrapperParams,
  type WrapperStateDict,
} from "./wrapper-options.js";

/** Base of the sharpness-aware optimizers. `R` is what a step tells. */
export abstract class SharpnessAware<B extends OptimizerLike = OptimizerLike, O = AnyOptions, R extends StepResult = StepResult> implements OptimizerLike {
  /** The optimizer that descends. Its groups are this optimizer's groups; schedulers of the learning rate may work on either. */
  readonly base: B;
  /**
   * Under which name each group keeps its radius: `"rho"`, but `"radius"` where the base optimizer has a `rho` of its own, as
   * Adadelta has. Among options and groups that are passed, `rho` is always the radius; Adadelta's is `base: { rho }`.
   */
  readonly radiusKey: RadiusKey;
  readonly adaptive: boolean;
  readonly policy: "throw" | "skip";
  /** The option, undefined where it was not given. */
  readonly check: "sync" | "late" | undefined;
  protected readonly climb: Climb;
  protected readonly statistics: Statistics;
  /** How many steps were applied. */
  protected steps = 0;
  /** How many states were loaded. */
  private runs = 0;
  /** Whether what the present step found is filled into its result later. */
  protected fillsLater = false;
  /** Whether a step is calling closures. */
  private running = false;
  /** The radius of groups that name none. */
  private readonly rho: number;
  private readonly descent: ClippedDescent;
  /** null where the option says so. */
  private readonly stepGraphs: StepGraphs | null;
  private readonly course: StepCourse;
  /** What the present step failed with, if that left nothing of it and it may be taken again. */
  private leftNothing: unknown = null;
  private readonly ledgers = new LedgerRows();
  private readonly unreadSteps = new UnreadSteps<R>();
  private disposed = false;

  /**
   * @param params tensors, or groups `{ params, rho?, ...options }`
   * @param Base class of the optimizer that descends, such as `Adam`
   * @param options the wrapper's own options; all others go to the base optimizer, and so does all of `options.base`
   * @param traits what the subclass adds to them
   */
  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<WrapperOptions, O> = {} as OptionsFor<WrapperOptions, O>, traits: AlgorithmTraits = {}) {
    const name = this.constructor.name;
    const { own, groups, radii, forBase } = readArguments(name, params, Base, options, traits);
    const { rho = traits.rho ?? 0.05, adaptive = false, policy = "throw", check, graphs = "auto", model, runningStats, clipGradNorm: norm, clipGradValue: value } = own;
    if (check === "late" && !this.canPlan) throw new DgsamError("ERR_ARGUMENT", `new ${name}(): check: "late" is for algorithms whose course depends on no number that the step finds; use "sync"`);
    this.statistics = new Statistics(name, model, runningStats);
    this.base = new Base(groups as never, forBase as Partial<O>);
    if (!Array.isArray(this.base.paramGroups) || typeof this.base.step !== "function") throw argumentError(`new ${name}(params, Base)`, "an optimizer class such as Adam, with paramGroups and step()", Base);
    if ((this.base as { needsClosure?: boolean }).needsClosure)
      throw new DgsamError("ERR_ARGUMENT", `new ${name}(params, Base): expected an optimizer that descends along given gradients, got ${Base.name}, which evaluates a closure itself`);
    this.rho = rho;
    this.radiusKey = "rho" in ((this.base as { defaults?: object }).defaults ?? {}) ? "radius" : "rho";
    this.base.paramGroups.forEach((group, i) => ((group as WrapperGroup)[this.radiusKey] = radii[i] ?? rho));
    this.adaptive = adaptive;
    this.policy = policy;
    this.check = check;
    this.stepGraphs = graphs === "auto" ? new StepGraphs() : null;
    this.climb = new Climb(() => this.paramGroups, this.radiusKey, { adaptive, eta: traits.eta });
    this.descent = new ClippedDescent(this.base, this.climb.parameters, { norm, value });
    this.course = new StepCourse(this.algorithm(), this.climb, this.statistics, this.descent, this.stepGraphs);
  }

  private algorithm(): Algorithm {
    return {
      name: this.constructor.name,
      isPlannable: this.canPlan,
      descendsPlainly: () => this.descendBase === SharpnessAware.prototype.descendBase,
      run: (passes) => this.run(passes),
      descend: () => this.descendBase(),
      noteDescent: () => this.noteDescent(),
      undone: () => this.undone(),
    };
  }

  /** How steps over parameters on a GPU were taken: as CUDA graphs, or why not. */
  get graphs(): GraphStats {
    return (this.stepGraphs ?? new StepGraphs()).stats();
  }

  /** Frees the graphs and the memory that they hold on the GPU, say for an evaluation. Later steps capture anew. */
  releaseGraphs(): void {
    this.stepGraphs?.dispose();
  }

  /** The base optimizer's groups, each with its radius: see {@link radiusKey}. */
  get paramGroups(): WrapperGroup[] {
    const groups = this.base.paramGroups as WrapperGroup[];
    // Groups may be added to the base optimizer, which knows no radius.
    for (const group of groups) group[this.radiusKey] ??= this.rho;
    return groups;
  }

  /**
   * Adds parameters, say of layers that are unfrozen during training; `rho` is the constructor's where the group names none.
   *
   * @throws DgsamError `ERR_ARGUMENT` as the constructor; `ERR_STATE` in the middle of a step
   */
  addParamGroup(group: { params: Iterable<Tensor>; rho?: number } & Partial<O>): void {
    const name = this.constructor.name;
    this.checkIdle(`${name}.addParamGroup()`);
    if (this.isOpen) throw new DgsamError("ERR_STATE", `${name}.addParamGroup(): a step was begun by hand; finish it, or give it up by abort(), first`);
    if (!isPlainObject(group)) throw argumentError(`${name}.addParamGroup(group)`, "{ params, ...options }", group);
    const { radius, rest } = splitGroup(name, group);
    this.base.addParamGroup(rest as never);
    (this.base.paramGroups.at(-1) as WrapperGroup)[this.radiusKey] = radius ?? this.rho;
  }

  /**
   * The algorithm: takes gradients by `passes`, climbs by `this.climb`, and ends with `this.climb.gather()`, which restores
   * the parameters and leaves in `grad` what the base optimizer then descends along. Runs within a scope and without
   * gradients of its own; whatever it throws undoes the step.
   */
  protected abstract run(passes: Passes): void;

  /** What the step tells beside what all do. With `check: "late"`, losses and norms are only filled in when somebody reads the result. */
  protected report(result: StepResult): R {
    return result as R;
  }

  /** Called when a step was undone: what it changed of the subclass's own state is to be changed back. */
  protected undone(): void {}

  /** Called when a step was applied. */
  protected applied(): void {}

  /** Drops what is kept from step to step and is of another dtype or device than the parameters now are. Returns whether there was any. */
  protected dropUnlike(): boolean {
    return this.climb.dropUnlike();
  }

  /** Called by {@link dispose}: what the subclass holds of its own is to be freed. */
  protected released(): void {}

  /**
   * One step. A closure returns its loss and does not call `backward()`; it is called once for every gradient that the
   * algorithm takes. Afterwards `grad` holds what the base optimizer descended along.
   *
   * @param closures one loss, or an array of one per domain; a domain's may be an array again, one per micro-batch
   * @throws DgsamError `ERR_NON_FINITE` naming the domain (see `policy`), `ERR_STATE` when a closure called `backward()`,
   *   `ERR_ARGUMENT`; then parameters, buffers and all state are as before, unless it was the base optimizer that failed in mid-update, for want of memory
   */
  step(closures: StepClosures): R {
    return this.take(closures, 1, this.policy);
  }

  /**
   * As {@link step}, with every loss multiplied by `scale` before it is differentiated, as a `GradScaler` wants it: what
   * the base optimizer gets is unscaled, and a step with a pass that is not finite is left out, whatever the policy.
   */
  stepScaled(scale: number, closures: StepClosures): R {
    checkNumber(`${this.constructor.name}.stepScaled(scale)`, scale, Number.MIN_VALUE, Infinity, false);
    return this.take(closures, scale, "skip");
  }

  /** Throws `ERR_DISPOSED` after {@link dispose}. @param what the method */
  protected checkUsable(what: string): void {
    if (this.disposed) throw disposedError(what);
  }

  /** Throws `ERR_STATE` in the middle of a step, `ERR_DISPOSED` after {@link dispose}. @param what the method */
  protected checkIdle(what: string): void {
    this.checkUsable(what);
    if (this.running) throw calledInStep(what);
    this.climb.checkIdle(what);
  }

  /** Throws `ERR_STATE` where a step by hand comes to a gradient that nobody took. @param what the method */
  protected checkGradients(what: string): void {
    if (gradientStamp(this.climb.parameters) === 0) throw new DgsamError("ERR_STATE", `${what}: no parameter has a gradient; call backward() on the loss before`);
  }

  /** The end of a step that was begun by hand, for a `GradScaler`. Tells whether the step was left out. */
  finishScaled(_scale: number): { skipped: boolean } {
    this.checkUsable(`${this.constructor.name}.finishScaled()`);
    throw new DgsamError("ERR_STATE", `${this.constructor.name}: no step was begun by hand; pass the closures: scaler.step(optimizer, closures)`);
  }

  private take(closures: StepClosures, lossScale: number, policy: "throw" | "skip"): R {
    this.leftNothing = null;
    try {
      return this.attempt(closures, lossScale, policy);
    } catch (error) {
      if (error !== this.leftNothing) throw error;
      // Parameters may have been converted since the last step; or operators run again by themselves when memory runs out: what could be freed was.
      if (isMismatch(error) ? !this.dropUnlike() : !mayFit(error)) throw error;
      return this.attempt(closures, lossScale, policy);
    }
  }

  private attempt(closures: StepClosures, lossScale: number, policy: "throw" | "skip"): R {
    const name = `${this.constructor.name}.step`;
    this.checkIdle(`${name}()`);
    // What the step keeps could not be written to by later ones.
    if (isInferenceModeEnabled()) throw new DgsamError("ERR_STATE", `${name}(): a step takes gradients, which inferenceMode() keeps from being recorded; take it outside`);
    const passes = new Passes(name, closures, this.climb, this.statistics, lossScale);
    this.abort();
    this.climb.begin(`${name}()`, lossScale);
    const ledger = this.isLate ? this.makeLedger(passes) : null;
    this.fillsLater = ledger !== null;
    if (ledger === null && this.stepGraphs !== null && this.climb.mayHaveGraphs) this.stepGraphs.noteUngraphed(this.reasonToLook());
    let done = false;
    this.running = true;
    try {
      this.transaction(passes, policy, ledger);
      // A step that waited at its end knows by then why it stopped.
      done = this.climb.settled && (ledger === null || ledger.stop === null);
    } finally {
      this.running = false;
      if (!done) this.undone();
    }
    const domain = done ? null : (ledger?.stop?.domain ?? passes.domain);
    const result = this.report({ losses: passes.losses, gradNorms: this.climb.norms, skipped: !done, nonFiniteDomain: domain });
    if (ledger === null || !done || ledger.isRead) return result;
    return this.unread(ledger, result, policy);
  }

  /** The result of a step that was taken and not read: losses and norms are filled in by the ledger. */
  private unread(ledger: Ledger, result: R, policy: "throw" | "skip"): R {
    const { runs } = this;
    const leftOut = (isLast: boolean): void => {
      // It was counted when it was begun, unless another state was loaded since.
      if (runs === this.runs) this.steps--;
      // What it left is nobody's direction.
      if (isLast) zeroGradients(this.climb.parameters);
    };
    const fail = policy === "throw" ? ({ cause, where, domain }: Stop) => this.nonFiniteError(cause, where, domain) : null;
    const step = new UnreadStep(ledger, result, this.climb.parameters, leftOut, fail);
    this.unreadSteps.add(step);
    return step.result;
  }

  /** Whether the algorithm looks at nothing that it finds. */
  private get canPlan(): boolean {
    return Object.hasOwn(this.constructor, "isPlannable");
  }

  /** Whether steps wait for nothing: see {@link WrapperOptions.check}. */
  get isLate(): boolean {
    if (this.check !== undefined) return this.check === "late";
    return this.climb.isAhead && this.canPlan;
  }

  /** Why steps over parameters on a GPU are not late, and so no graphs. */
  private reasonToLook(): string {
    if (this.check === "sync") return 'check: "sync" looks at every pass';
    return this.canPlan ? "parameters lie on the CPU, too" : `${this.constructor.name} looks at what its step finds`;
  }

  private makeLedger(passes: Passes): Ledger {
    const size = 16 + 12 * passes.domains;
    const ledger = new Ledger(this.climb.parameters[0]!.device, this.ledgers, size, () => ({ where: passes.where(), domain: passes.domain }));
    passes.beginLate(ledger);
    this.climb.beginLate(ledger);
    return ledger;
  }

  zeroGrad(setToNone = true): void {
    this.checkUsable(`${this.constructor.name}.zeroGrad()`);
    this.base.zeroGrad(setToNone);
  }

  /** Whether a step was begun by hand. */
  protected get isOpen(): boolean {
    return false;
  }

  /**
   * Gives up a step that was begun by hand and cannot be finished, say because `backward()` threw between its halves: the
   * parameters are what they were before it, the gradients are cleared. Does nothing when no step was begun.
   */
  abort(): void {}

  /**
   * Runs the climb of one step and the descent after it so that they happen wholly or not at all: when one of them throws,
   * parameters and buffers are what they were. Tensors that closures make are freed.
   */
  private transaction(passes: Passes, policy: "throw" | "skip", ledger: Ledger | null): void {
    scope(() => {
      let before = NO_COPIES;
      try {
        this.course.take(passes, ledger, (copies) => (before = copies));
      } catch (error) {
        this.undo(before);
        if (this.course.isRepeatable) this.leftNothing = error;
        ledger?.drop();
        if (!(error instanceof NonFinite)) throw error;
        const { where, domain } = ledger?.stop ?? { where: passes.where(), domain: passes.domain };
        if (policy === "throw") throw this.nonFiniteError(error, where, domain);
      } finally {
        this.climb.endLate();
        this.statistics.endPasses();
      }
    });
  }

  private noteDescent(): void {
    this.steps++;
    this.applied();
  }

  /** Lets the base optimizer descend along what was gathered. */
  protected descendBase(): void {
    if (!this.climb.settled) throw new DgsamError("ERR_STATE", `${this.constructor.name}.run(): expected climb.gather() at its end; it forms what the base optimizer descends along`);
    this.descent.step();
    this.noteDescent();
  }

  /** Sets parameters and buffers to what they were before the step and clears the gradients. */
  protected undo(before: BufferCopies): void {
    try {
      this.climb.restore();
    } finally {
      zeroGradients(this.climb.parameters);
      this.statistics.restoreBuffers(before);
    }
  }

  /** @param where the pass that was not finite, and whose it was */
  protected nonFiniteError(cause: NonFinite, where: string, domain: number): DgsamError {
    const message = `${this.constructor.name}: the ${cause.what} of ${where} is ${cause.value}; nothing of the step was applied (policy: "skip" leaves such steps out)`;
    return new DgsamError("ERR_NON_FINITE", message, { cause, domain });
  }

  /**
   * All that is needed to go on: the base optimizer's state, the number of steps, and what the algorithm remembers. The
   * tensors are the optimizer's own: copy them before the next step if you keep them.
   */
  stateDict(): WrapperStateDict<B> {
    this.checkUsable(`${this.constructor.name}.stateDict()`);
    return { base: this.base.stateDict() as ReturnType<B["stateDict"]>, steps: this.steps };
  }

  /**
   * Takes over a state dict.
   *
   * @throws DgsamError `ERR_ARGUMENT` when it is not one, or does not fit, `ERR_STATE` in the middle of a step; then nothing is changed
   */
  loadStateDict(dict: { base: unknown; steps: number }): void {
    const name = `${this.constructor.name}.loadStateDict`;
    this.checkUsable(`${name}()`);
    const expected = `{ ${Object.keys(this.stateDict()).join(", ")} } from stateDict()`;
    if (!isPlainObject(dict) || !Object.keys(this.stateDict()).every((key) => key in dict)) throw argumentError(`${name}(dict)`, expected, dict);
    checkInteger(`${name}: steps`, dict.steps, 0);
    this.checkRadii(name, dict.base);
    this.checkIdle(`${name}()`);
    this.abort();
    this.base.loadStateDict(dict.base as never);
    this.steps = dict.steps;
    this.runs++;
  }

  /**
   * Frees all that the optimizer holds: the base optimizer's state, the memory of climbs, graphs, what the algorithm remembers, and with
   * it what `stateDict()` gave. A step that was begun by hand is given up. Parameters and their gradients stay, they are the
   * caller's, but that giving up a step clears gradients. Results of late steps can still be read. Calling it twice is allowed; any other use is an `ERR_DISPOSED`.
   *
   * @throws DgsamError `ERR_STATE` in a closure of this optimizer's own step
   */
  dispose(): void {
    if (this.disposed) return;
    if (this.running) throw calledInStep(`${this.constructor.name}.dispose()`);
    try {
      this.abort();
      this.climb.restore();
    } finally {
      this.disposed = true;
      this.ledgers.dispose();
      this.releaseGraphs();
      this.climb.dispose();
      this.course.dispose();
      this.statistics.dispose();
      try {
        this.released();
      } finally {
        this.base.dispose?.();
      }
    }
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The base optimizer does not know the radii that its groups hold. */
  private checkRadii(name: string, base: unknown): void {
    const groups = isPlainObject(base) && Array.isArray(base.paramGroups) ? (base.paramGroups as unknown[]) : [];
    groups.forEach((group, i) => {
      if (isPlainObject(group) && this.radiusKey in group) checkRadius(`${name}: group ${i}`, group[this.radiusKey]);
    });
  }
}

/** Whether an error is one of memory that there may be another time. */
function mayFit(error: unknown): boolean {
  if (!(error instanceof DgsamError) || error.code !== "ERR_OOM") return false;
  const { requested, total } = error.memory ?? {};
  return requested === undefined || total === undefined || requested <= total;
}
