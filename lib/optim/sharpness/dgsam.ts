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

import { checkBoolean, checkChoice, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { keep, scope } from "../../tensor/index.js";
import { checkClosure, differentiate, NonFinite, type Closure } from "../closures.js";
import { DomainOrder, type DomainOrderState } from "./domain-order.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import type { BufferCopies } from "./statistics.js";
import { SharpnessAware, type OptimizerClass, type WrapperOptions, type WrapperParams } from "./wrapper.js";

export interface DGSAMOptions extends WrapperOptions {
  /** The domains' order in a step: drawn anew each time (default), or as the closures come. */
  order?: "random" | "fixed";
  /** Descend along the gradients that were climbed along (default). False takes new ones after each climb, 2S in all: for ablations. */
  reuse?: boolean;
  /** Whether G has the scale of the domains' summed loss, as published (default), or of their mean. */
  reduction?: "sum" | "mean";
  /** Seed of the generator that draws the order, a safe integer. Default 0. */
  seed?: number;
}

export interface DGSAMResult {
  /** Each closure's loss when it was first evaluated, by closure; NaN where the step was skipped before. */
  losses: number[];
  /** The domains in the order in which the gradients were taken: S + 1 indices, or 2S without `reuse`. */
  order: number[];
  /** The norms of those gradients. */
  gradNorms: number[];
  /** Whether a pass was not finite and nothing was applied (`policy: "skip"`). */
  skipped: boolean;
}

const OWN_OPTIONS = ["order", "reuse", "reduction", "seed"] as const;

/** Where the open form stands: the order it gave, how many ascents were made, whether a pass was not finite; and what was before. */
interface OpenStep {
  readonly order: number[];
  ascents: number;
  skipping: boolean;
  readonly generator: DomainOrderState;
  readonly buffers: BufferCopies;
}

export class DGSAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O> {
  readonly reuse: boolean;
  readonly reduction: "sum" | "mean";
  private readonly visits: DomainOrder;
  private open: OpenStep | null = null;
  private domains = 0;

  /**
   * @param params tensors, or groups `{ params, rho?, ...options }`
   * @param Base class of the optimizer that descends, such as `Adam`
   * @param options `rho`, `order` and the other {@link DGSAMOptions}; the rest goes to `Base`, and so does all of `base: {...}`
   */
  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: DGSAMOptions & Partial<O> & { base?: Partial<O> } = {} as DGSAMOptions & Partial<O>) {
    super(params, Base, options, OWN_OPTIONS);
    const { order = "random", reuse = true, reduction = "sum", seed = 0 } = options;
    checkChoice("DGSAM: order", order, ["random", "fixed"]);
    checkBoolean("DGSAM: reuse", reuse);
    checkChoice("DGSAM: reduction", reduction, ["sum", "mean"]);
    this.reuse = reuse;
    this.reduction = reduction;
    this.visits = new DomainOrder(order, seed);
  }

  /**
   * One step over one minibatch per domain. Each closure returns its domain's loss and does not call `backward()`; the
   * first in the order is called twice. Afterwards `grad` holds G.
   *
   * @throws DgsamError `ERR_NON_FINITE` naming the domain (see `policy`), `ERR_STATE` when a closure called `backward()`,
   *   `ERR_ARGUMENT`; then parameters, buffers and state, that of the order's generator included, are as before
   */
  step(closures: readonly Closure[]): DGSAMResult {
    if (!Array.isArray(closures) || closures.length === 0) throw argumentError("DGSAM.step(closures)", "an array of at least one closure, one per domain", closures);
    closures.forEach((closure, i) => checkClosure(`DGSAM.step: closure ${i}`, closure));
    this.climb.checkIdle("DGSAM.step()");
    this.closeOpenStep();
    const before = this.visits.state();
    const visits = this.visits.next(closures.length);
    const order = this.reuse ? [...visits, visits[0]!] : visits.flatMap((domain) => [domain, domain]);
    const losses = closures.map(() => NaN);
    const gradNorms: number[] = [];
    let pass = 0;
    let done = false;
    try {
      this.transaction(
        () => {
          const { climb } = this;
          for (; pass < order.length; pass++) {
            const domain = order[pass]!;
            const first = Number.isNaN(losses[domain]);
            this.statistics.announcePass(first);
            const loss = differentiate(closures[domain]!, climb.parameters, `DGSAM.step: closure ${domain}`);
            if (first) losses[domain] = loss;
            gradNorms.push(this.takeGradient(pass, order.length));
          }
          this.base.step();
          done = true;
        },
        () => `domain ${order[pass]!} (pass ${pass + 1} of ${order.length})`,
      );
    } finally {
      if (!done) this.visits.restore(before);
    }
    return { losses, order, gradNorms, skipped: !done };
  }

  /** What happens with the gradient of one pass; returns its norm. */
  private takeGradient(pass: number, passes: number): number {
    const { climb } = this;
    if (pass === passes - 1) return climb.gather(this.scale(passes));
    if (this.reuse) return climb.ascend({ accumulate: true });
    // Without reuse even passes climb and odd ones gather.
    return pass % 2 === 0 ? climb.ascend({ accumulate: false }) : climb.accumulate();
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
   */
  order(domains: number = this.domains): number[] {
    if (!Number.isSafeInteger(domains) || domains < 1) throw argumentError("DGSAM.order(domains)", "the number of source domains, an integer >= 1", domains);
    if (!this.reuse) throw new DgsamError("ERR_STATE", "DGSAM.order(): the open form is for reuse: true; use step(closures) without reuse");
    this.climb.checkIdle("DGSAM.order()");
    this.closeOpenStep();
    this.domains = domains;
    const generator = this.visits.state();
    const visits = this.visits.next(domains);
    const buffers = this.statistics.copyBuffers();
    buffers.values.forEach(keep);
    this.open = { order: [...visits, visits[0]!], ascents: 0, skipping: false, generator, buffers };
    this.statistics.announcePass(true);
    this.zeroGrad();
    return [...this.open.order];
  }

  /**
   * Open form: climbs along `grad`, adds it to G and clears it.
   *
   * @returns the norm of the gradient
   * @throws DgsamError `ERR_STATE` out of turn; `ERR_NON_FINITE`: the step is undone, begin the next with {@link order}
   */
  ascend(): number {
    const open = this.openStep("ascend()");
    if (open.ascents === open.order.length - 1) throw new DgsamError("ERR_STATE", `DGSAM.ascend(): all ${open.ascents} ascents of this step are made; take the last gradient, then call descend()`);
    const norm = this.guarded(open, () => this.climb.ascend({ accumulate: true }));
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
    const open = this.openStep("descend()");
    const due = open.order.length - 1 - open.ascents;
    if (due > 0) throw new DgsamError("ERR_STATE", `DGSAM.descend(): ${due} more ${due === 1 ? "ascent is" : "ascents are"} due in this step`);
    this.guarded(open, () => this.climb.gather(this.scale(open.order.length)));
    if (open.skipping) return this.abort();
    this.closeOpenStep();
    this.base.step();
  }

  /** As {@link SharpnessAware.abort}; buffers and the order's generator are what they were before {@link order}, too. */
  abort(): void {
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
    for (const each of this.open.buffers.values) each.dispose();
    this.open = null;
    this.statistics.endPasses();
  }

  private openStep(what: string): OpenStep {
    if (this.open === null) throw new DgsamError("ERR_STATE", `DGSAM.${what}: begin the step with order()`);
    return this.open;
  }

  // A skipped step lets the caller's loop run to its end, but neither climbs nor descends: its norms are NaN, and what its
  // passes do to the buffers is undone at the end.
  private guarded(open: OpenStep, take: () => number): number {
    if (open.skipping) return NaN;
    try {
      return scope(take);
    } catch (error) {
      if (error instanceof NonFinite && this.policy === "skip") {
        this.climb.restore();
        this.zeroGrad();
        open.skipping = true;
        return NaN;
      }
      this.abort();
      if (!(error instanceof NonFinite)) throw error;
      throw this.nonFiniteError(error, `domain ${open.order[open.ascents]!} (pass ${open.ascents + 1} of ${open.order.length})`);
    }
  }

  /** State of the base optimizer and of the generator that draws the order. */
  stateDict(): { base: ReturnType<B["stateDict"]>; generator: DomainOrderState } {
    return { base: this.base.stateDict() as ReturnType<B["stateDict"]>, generator: this.visits.state() };
  }

  loadStateDict(dict: { base: unknown; generator: DomainOrderState }): void {
    if (!isPlainObject(dict) || !("generator" in dict)) throw argumentError("DGSAM.loadStateDict(dict)", "{ base, generator } from stateDict()", dict);
    // The order first: it checks its part before anything is changed.
    const before = this.visits.state();
    this.visits.restore(dict.generator);
    try {
      this.base.loadStateDict(dict.base as never);
    } catch (error) {
      this.visits.restore(before);
      throw error;
    }
  }
}
