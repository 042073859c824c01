/**
 * DGSAM: Decreased-overhead Gradual Sharpness-Aware Minimization (arXiv 2503.23430).
 *
 * SAM flattens the total loss and can settle where single domains are sharp. DGSAM climbs domain by domain, so that
 * every domain's own sharpness counts, and uses each gradient twice, to climb and to descend: S + 1 gradients a step
 * for S domains against SAM's 2S.
 *
 *     order <- random permutation of the domains
 *     p_0   <- p
 *     for j = 1 .. S+1:
 *         d   <- order[(j-1) mod S]             (the first domain comes again at the end)
 *         g_j <- grad L_d(p_{j-1})
 *         if j <= S:  p_j <- p_{j-1} + rho * g_j / (||g_j|| + 1e-12)
 *     G     <- S/(S+1) * sum of all g_j         (reduction "mean": 1/(S+1))
 *     p     <- baseOptimizer(p, G)              (p is restored by copy first)
 *
 * Published is the sum over domains; ERM as the field runs it takes the mean. Adam hardly sees the difference, SGD sees
 * a factor S in the learning rate: `reduction: "mean"` keeps learning rates comparable.
 */

import { checkBoolean, checkChoice, checkNumber, checkOptions, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { scope } from "../../tensor/index.js";
import { NonFinite } from "../closures.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { checkOrderState, DomainOrder, type DomainOrderState } from "./domain-order.js";
import type { Passes } from "./passes.js";
import type { BufferCopies } from "./statistics.js";
import { SharpnessAware } from "./wrapper.js";
import type { OptimizerClass, OptionsFor, StepResult, WrapperOptions, WrapperParams, WrapperStateDict } from "./wrapper-options.js";

export interface DGSAMOptions extends WrapperOptions {
  /** The domains' order in a step: drawn anew each time (default), or as the closures come. */
  order?: "random" | "fixed";
  /** Descend along the gradients that were climbed along (default). False takes new ones after each climb, 2S in all: for ablations. */
  reuse?: boolean;
  /** Whether G has the scale of the domains' summed loss, as published (default), or of their mean. */
  reduction?: "sum" | "mean";
  /** Seed of the generator that draws the order, a safe integer of which the lower 32 bits count. Default 0. */
  seed?: number;
}

export interface DGSAMResult extends StepResult {
  /** The domains in the order in which their gradients are due: S + 1 indices, or 2S without `reuse`. */
  order: number[];
}

export interface DGSAMStateDict<B extends OptimizerLike = OptimizerLike> extends WrapperStateDict<B> {
  /** State of the generator that draws the order. */
  generator: DomainOrderState;
}

/** Where the open form stands: the order it gave, how many ascents were made, whether a pass was not finite; and what was before. */
interface OpenStep {
  readonly order: number[];
  /** The scaler's, null without one. */
  readonly lossScale: number | null;
  ascents: number;
  skipping: boolean;
  readonly generator: DomainOrderState;
  readonly buffers: BufferCopies;
}

export class DGSAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O, DGSAMResult> {
  static readonly isPlannable = true;
  readonly reuse: boolean;
  readonly reduction: "sum" | "mean";
  private readonly visits: DomainOrder;
  private open: OpenStep | null = null;
  private domains = 0;
  /** The order of the present step. */
  private planned: number[] = [];
  /** What the generator was before the present step; null between steps. */
  private before: DomainOrderState | null = null;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<DGSAMOptions, O> = {} as OptionsFor<DGSAMOptions, O>) {
    super(params, Base, options, { options: ["order", "reuse", "reduction", "seed"] });
    const { order = "random", reuse = true, reduction = "sum", seed = 0 } = options;
    checkChoice("DGSAM: order", order, ["random", "fixed"]);
    checkBoolean("DGSAM: reuse", reuse);
    checkChoice("DGSAM: reduction", reduction, ["sum", "mean"]);
    this.reuse = reuse;
    this.reduction = reduction;
    this.visits = new DomainOrder(order, seed);
  }

  protected run(passes: Passes): void {
    this.before = this.visits.state();
    const visits = this.visits.next(passes.domains);
    this.planned = this.reuse ? [...visits, visits[0]!] : visits.flatMap((domain) => [domain, domain]);
    for (const [pass, domain] of this.planned.entries()) {
      passes.differentiate(domain);
      this.takeGradient(pass, this.planned.length);
    }
  }

  /** What happens with the gradient of one pass. */
  private takeGradient(pass: number, passes: number): void {
    const { climb } = this;
    if (pass === passes - 1) this.gather(passes);
    else if (this.reuse) climb.ascend({ accumulate: true });
    // Without reuse even passes climb and odd ones gather.
    else if (pass % 2 === 0) climb.ascend();
    else climb.accumulate();
  }

  private gather(passes: number): number {
    const scale = this.scale(passes);
    return this.climb.gather({ sum: scale, grad: scale });
  }

  protected override applied(): void {
    this.before = null;
  }

  protected override undone(): void {
    if (this.before !== null) this.visits.restore(this.before);
    this.before = null;
  }

  protected override report(result: StepResult): DGSAMResult {
    return Object.assign(result, { order: this.planned });
  }

  /** What the sum of gradients is multiplied by. */
  private scale(passes: number): number {
    const domains = this.reuse ? passes - 1 : passes / 2;
    const sum = this.reuse ? domains / (domains + 1) : 1;
    return this.reduction === "sum" ? sum : sum / domains;
  }

  /**
   * Begins a step in the open form and gives the domains in the order in which their gradients are due: S + 1 indices,
   * the first domain again at the end. For each but the last: `backward()`, then {@link ascend}; after the last
   * `backward()`, {@link descend}. A step that cannot be finished is given up by {@link abort}.
   *
   * @param domains S, the number of source domains; later calls may leave it out
   * @param options `lossScale`: what a `GradScaler` multiplies the losses by, `scaler.getScale()`; the step is then ended by
   *   `scaler.step(optimizer)`
   */
  order(domains: number = this.domains, options: { lossScale?: number } = {}): number[] {
    checkOptions("DGSAM.order(domains, options)", options, ["lossScale"]);
    const { lossScale } = options;
    if (lossScale !== undefined) checkNumber("DGSAM.order: lossScale", lossScale, Number.MIN_VALUE, Infinity, false);
    if (!Number.isSafeInteger(domains) || domains < 1) throw argumentError("DGSAM.order(domains)", "the number of source domains, an integer >= 1", domains);
    if (!this.reuse) throw new DgsamError("ERR_STATE", "DGSAM.order(): the open form is for reuse: true; use step(closures) without reuse");
    this.checkIdle("DGSAM.order()");
    this.abort();
    this.climb.begin("DGSAM.order()", lossScale);
    const buffers = this.statistics.copyBuffers();
    this.domains = domains;
    const generator = this.visits.state();
    const visits = this.visits.next(domains);
    this.open = { order: [...visits, visits[0]!], lossScale: lossScale ?? null, ascents: 0, skipping: false, generator, buffers };
    this.statistics.announcePass(true);
    this.zeroGrad();
    return [...this.open.order];
  }

  /**
   * Open form: climbs along `grad`, adds it to G and clears it.
   *
   * @returns the norm of the gradient
   * @throws DgsamError `ERR_STATE` out of turn or without a gradient; `ERR_NON_FINITE`: the step is undone, begin the next with {@link order}
   */
  ascend(): number {
    const open = this.openStep("ascend()");
    if (open.ascents === open.order.length - 1) throw new DgsamError("ERR_STATE", `DGSAM.ascend(): all ${open.ascents} ascents of this step are made; take the last gradient, then call descend()`);
    const norm = this.guarded("ascend()", open, () => this.climb.ascend({ accumulate: true }));
    this.zeroGrad();
    open.ascents++;
    // The last pass is the first minibatch's second one.
    this.statistics.announcePass(open.ascents < open.order.length - 1);
    return norm;
  }

  /**
   * Open form: forms G with the last `grad`, undoes the climb and lets the base optimizer descend. `grad` then holds G.
   *
   * @throws DgsamError as {@link ascend}
   */
  descend(): void {
    const { lossScale } = this.openStep("descend()");
    if (lossScale !== null) throw new DgsamError("ERR_STATE", `DGSAM.descend(): the losses were scaled by ${lossScale}; end the step by scaler.step(optimizer), which unscales the gradients`);
    this.finish("descend()");
  }

  /** {@link descend} for a `GradScaler`, which calls it in its own `step(optimizer)`. Tells whether the step was left out. */
  override finishScaled(scale: number): { skipped: boolean } {
    const { lossScale } = this.openStep("finishScaled()");
    const off = lossScale === null && scale === 1;
    if (!off && lossScale !== scale) throw new DgsamError("ERR_STATE", `DGSAM: the step was begun with a loss scale of ${lossScale ?? 1}, but the scaler's is ${scale}; call order(domains, { lossScale: scaler.getScale() })`);
    return { skipped: !this.finish("finishScaled()") };
  }

  /** Returns whether the step was applied. */
  private finish(what: string): boolean {
    const open = this.openStep(what);
    const due = open.order.length - 1 - open.ascents;
    if (due > 0) throw new DgsamError("ERR_STATE", `DGSAM.${what}: ${due} more ${due === 1 ? "ascent is" : "ascents are"} due in this step`);
    this.guarded(what, open, () => this.gather(open.order.length));
    if (open.skipping) {
      this.abort();
      return false;
    }
    try {
      this.descendBase();
    } catch (error) {
      this.abort();
      throw error;
    }
    this.closeOpenStep();
    return true;
  }

  /** As {@link SharpnessAware.abort}; buffers and the order's generator are what they were before {@link order}, too. */
  override abort(): void {
    const { open } = this;
    if (open === null) return;
    try {
      this.undo(open.buffers);
    } finally {
      this.visits.restore(open.generator);
      this.closeOpenStep();
    }
  }

  private closeOpenStep(): void {
    if (this.open === null) return;
    this.open = null;
    this.statistics.endPasses();
  }

  protected override get isOpen(): boolean {
    return this.open !== null;
  }

  private openStep(what: string): OpenStep {
    this.checkUsable(`DGSAM.${what}`);
    if (this.open === null) throw new DgsamError("ERR_STATE", `DGSAM.${what}: begin the step with order()`);
    return this.open;
  }

  // A skipped step lets the caller's loop run to its end, but neither climbs nor descends: its norms are NaN, and what its
  // passes do to the buffers is undone at the end.
  private guarded(what: string, open: OpenStep, take: () => number): number {
    if (open.skipping) return NaN;
    this.checkGradients(`DGSAM.${what}`);
    try {
      return scope(take);
    } catch (error) {
      if (error instanceof NonFinite && (this.policy === "skip" || open.lossScale !== null)) {
        this.climb.restore();
        this.zeroGrad();
        open.skipping = true;
        return NaN;
      }
      this.abort();
      if (!(error instanceof NonFinite)) throw error;
      const domain = open.order[open.ascents]!;
      throw this.nonFiniteError(error, `domain ${domain} (pass ${open.ascents + 1})`, domain);
    }
  }

  override stateDict(): DGSAMStateDict<B> {
    return { ...super.stateDict(), generator: this.visits.state() };
  }

  override loadStateDict(dict: { base: unknown; steps: number; generator: DomainOrderState }): void {
    if (isPlainObject(dict) && "generator" in dict) checkOrderState("DGSAM.loadStateDict: generator", dict.generator);
    super.loadStateDict(dict);
    this.visits.restore(dict.generator);
  }
}
