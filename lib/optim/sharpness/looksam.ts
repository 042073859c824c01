/**
 * LookSAM, SAM whose second gradient is taken every k-th step only (Liu et al., CVPR 2022, arXiv 2203.02714).
 *
 *     step 0, k, 2k, ...:   G <- gp as SAM's, and v <- gp - <g, gp> / ||g||^2 * g   (the part of gp orthogonal to g)
 *     between:              G <- g + alpha * ||g|| * v / (||v|| + 1e-12)
 *     p  <- baseOptimizer(p, G)
 *
 * v changes slowly: it is what bends the descent towards flat regions. It is state, one buffer of the parameters' size.
 *
 * Where gp is parallel to g, as with a radius of 0 or a single number to learn, v is zero. What is computed then is rounding
 * errors, and v / ||v|| would make a direction of full size out of them; so a v of their size counts as zero.
 */

import { checkInteger, checkNumber, isPlainObject } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { keep, noGrad, ops, scope, Tensor } from "../../tensor/index.js";
import type { OptimizerLike } from "../descent/optimizer.js";
import { isMismatch } from "./climb.js";
import type { Passes } from "./passes.js";
import { areLike } from "./scratch.js";
import { SharpnessAware } from "./wrapper.js";
import type { OptimizerClass, OptionsFor, WrapperOptions, WrapperParams, WrapperStateDict } from "./wrapper-options.js";

export interface LookSAMOptions extends WrapperOptions {
  /** Every how many steps the second gradient is taken. Default 5; 1 is SAM. */
  k?: number;
  /** Weight of the stored direction between these steps. Default 0.7. */
  alpha?: number;
}

export interface LookSAMStateDict<B extends OptimizerLike = OptimizerLike> extends WrapperStateDict<B> {
  /** v by parameter, over all groups; null before the first step and where parameters were added since it was made. Zero after a first step that was left out late. */
  direction: Tensor[] | null;
}

export class LookSAM<B extends OptimizerLike = OptimizerLike, O = Record<string, unknown>> extends SharpnessAware<B, O> {
  static readonly isPlannable = true;
  readonly k: number;
  readonly alpha: number;
  /** v, for the parameters that it was made of. */
  private direction: Tensor[] = [];
  /** Of no meaning where it was formed late: then steps, which are late too, leave it to the device. */
  private directionNorm = 0;
  private directionOf: Tensor[] = [];
  /** The norm of the direction that this step forms in the climb's sum; null in steps that form none. */
  private formed: number | null = null;

  constructor(params: WrapperParams<O>, Base: OptimizerClass<B, O>, options: OptionsFor<LookSAMOptions, O> = {} as OptionsFor<LookSAMOptions, O>) {
    super(params, Base, options, { options: ["k", "alpha"] });
    const { k = 5, alpha = 0.7 } = options;
    checkInteger("LookSAM: k", k, 1);
    checkNumber("LookSAM: alpha", alpha, 0, Infinity, false);
    this.k = k;
    this.alpha = alpha;
  }

  protected run(passes: Passes): void {
    this.formed = null;
    passes.differentiateMean();
    if (this.steps % this.k !== 0 && this.bend()) return;
    this.climb.ascend({ accumulate: true });
    passes.differentiateMean();
    this.climb.project((norm) => (this.formed = norm));
    this.climb.gather();
  }

  /** Descends along the gradient and the stored direction. Returns false where there is none that fits the parameters. */
  private bend(): boolean {
    const { climb, direction } = this;
    if (!this.hasDirectionOf(climb.parameters)) return false;
    try {
      climb.gatherAlong(direction, this.directionNorm, this.alpha);
      return true;
    } catch (error) {
      // The parameters were converted since.
      if (isMismatch(error)) return false;
      throw error;
    }
  }

  private hasDirectionOf(parameters: readonly Tensor[]): boolean {
    return this.direction.length === parameters.length && parameters.every((parameter, i) => parameter === this.directionOf[i]);
  }

  /** All parameters as they now are: the climb's are those of the last step. */
  private get parameters(): Tensor[] {
    return this.paramGroups.flatMap(({ params }) => params);
  }

  protected override applied(): void {
    if (this.formed === null) return;
    // What was v is scratch from now on, so that there is no third buffer beside v.
    this.direction = this.climb.exchangeSum(this.direction);
    this.directionOf = [...this.climb.parameters];
    this.directionNorm = this.formed;
  }

  override stateDict(): LookSAMStateDict<B> {
    return { ...super.stateDict(), direction: this.hasDirectionOf(this.parameters) ? [...this.direction] : null };
  }

  override loadStateDict(dict: { base: unknown; steps: number; direction: Tensor[] | null }): void {
    const copies = isPlainObject(dict) && "direction" in dict ? this.copyDirection(dict.direction) : [];
    try {
      super.loadStateDict(dict);
    } catch (error) {
      for (const each of copies) each.dispose();
      throw error;
    }
    // The dict may be this optimizer's own.
    const given = new Set(dict.direction);
    for (const old of this.direction) if (!given.has(old)) old.dispose();
    this.direction = copies;
    this.directionOf = this.parameters;
    this.directionNorm = copies.length === 0 ? 0 : normOf(copies);
  }

  protected override dropUnlike(): boolean {
    const isUnlike = this.hasDirectionOf(this.climb.parameters) && !areLike(this.direction, this.climb.parameters);
    if (isUnlike) this.released();
    return super.dropUnlike() || isUnlike;
  }

  protected override released(): void {
    for (const each of this.direction) each.dispose();
    this.direction = [];
  }

  private copyDirection(direction: unknown): Tensor[] {
    if (direction === null) return [];
    const name = "LookSAM.loadStateDict: direction";
    const { parameters } = this;
    if (!Array.isArray(direction) || direction.length !== parameters.length) throw argumentError(name, `null or ${parameters.length} tensors, one per parameter`, direction);
    return noGrad(() =>
      scope(() => {
        const copies = direction.map((each: unknown, i) => {
          const parameter = parameters[i]!;
          if (!(each instanceof Tensor)) throw argumentError(`${name}[${i}]`, "a Tensor", each);
          const shape = parameter.shape.join(", ");
          if (each.shape.join(", ") !== shape) throw new DgsamError("ERR_ARGUMENT", `${name}[${i}]: expected shape [${shape}], got [${each.shape.join(", ")}]`);
          return ops.aten["copy_.default"](ops.aten["empty_like.default"](parameter), each);
        });
        return copies.map((each) => keep(each));
      }),
    );
  }
}

function normOf(tensors: Tensor[]): number {
  return scope(() => ops.dgsam["global_norm.default"](tensors).item() as number);
}
