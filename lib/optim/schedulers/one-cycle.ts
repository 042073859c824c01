/**
 * The one-cycle policy, as torch.optim.lr_scheduler.OneCycleLR: up from maxLr / divFactor to maxLr, then down to
 * maxLr / divFactor / finalDivFactor at the last of totalSteps steps; the momentum goes the other way. Between a start s and
 * an end e, when a share p of the way is done:
 *
 *     cos      e + (s - e) / 2 * (1 + cos(pi * p))
 *     linear   s + (e - s) * p
 *
 * Smith & Topin 2018, arXiv 1708.07120. PyTorch's phases are fastai's; with `threePhase` the paper's.
 */

import { checkBoolean, checkChoice, checkInteger, checkNumber } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { FormulaScheduler, type FormulaOptions, type Given } from "./formula.js";
import { roundedCosine } from "./rounded-cosine.js";
import { REQUIRED, type Schedulable } from "./scheduler.js";

interface Options {
  /** The top, one number or one per group. */
  maxLr: number | readonly number[];
  /** Steps of the cycle; or `epochs` and `stepsPerEpoch`, whose product it is. */
  totalSteps: number | null;
  epochs: number | null;
  stepsPerEpoch: number | null;
  /** Share of the cycle spent on the way up. Default 0.3. */
  pctStart: number;
  /** Default `"cos"`. */
  annealStrategy: "cos" | "linear";
  /** Whether `momentum`, or the first of `betas`, goes from maxMomentum to baseMomentum and back. Default true, with `target: "rho"` false. */
  cycleMomentum: boolean;
  /** The momentum at the top, one number or one per group. Default 0.85. */
  baseMomentum: number | readonly number[];
  /** The momentum at the start and the end, one number or one per group. Default 0.95. */
  maxMomentum: number | readonly number[];
  /** maxLr over the first lr. Default 25. */
  divFactor: number;
  /** The first lr over the last. Default 1e4. */
  finalDivFactor: number;
  /** Down to the first lr again in as many steps as up, and from there to the last. Default false: down in one. */
  threePhase: boolean;
}

export type OneCycleLROptions = Given<Options> & Pick<Options, "maxLr"> & FormulaOptions;

/** Where the cycle is: on the way from one bound to the next, a share of it done. */
interface Place {
  from: "first" | "max" | "last";
  to: "first" | "max" | "last";
  share: number;
}

export class OneCycleLR extends FormulaScheduler<Options> {
  constructor(optimizer: Schedulable, options: OneCycleLROptions) {
    const defaults: Options = {
      maxLr: REQUIRED,
      totalSteps: null,
      epochs: null,
      stepsPerEpoch: null,
      pctStart: 0.3,
      annealStrategy: "cos",
      cycleMomentum: (options as OneCycleLROptions | undefined)?.target !== "rho",
      baseMomentum: 0.85,
      maxMomentum: 0.95,
      divFactor: 25,
      finalDivFactor: 1e4,
      threePhase: false,
    };
    super(optimizer, defaults, options);
    if (this.lastEpoch === -1) {
      this.baseValues = this.bounds().map(({ first }) => first);
      this.groups.forEach((group, i) => (group[this.initialKey] = this.baseValues[i]!));
    }
    this.begin();
  }

  protected check(options: Options): void {
    this.checkPerGroup("maxLr", options.maxLr, 0);
    stepsOf(options);
    checkNumber("OneCycleLR: pctStart", options.pctStart, 0, 1);
    checkChoice("OneCycleLR: annealStrategy", options.annealStrategy, ["cos", "linear"]);
    checkBoolean("OneCycleLR: cycleMomentum", options.cycleMomentum);
    for (const option of ["divFactor", "finalDivFactor"] as const)
      if (!(Number.isFinite(options[option]) && options[option] > 0)) throw argumentError(`OneCycleLR: ${option}`, "a number above 0", options[option]);
    checkBoolean("OneCycleLR: threePhase", options.threePhase);
    // A cycle without a step for one of its phases.
    for (let epoch = 0; epoch < stepsOf(options); epoch++) place(epoch, options);
    if (!options.cycleMomentum) return;
    this.checkPerGroup("baseMomentum", options.baseMomentum, 0, 1);
    this.checkPerGroup("maxMomentum", options.maxMomentum, 0, 1);
    this.checkMomentum();
  }

  protected next(epoch: number): number[] {
    const { cycleMomentum, baseMomentum, maxMomentum } = this.options;
    const { from, to, share } = place(epoch, this.options);
    const bounds = this.bounds();
    if (cycleMomentum) {
      const base = this.perGroup("baseMomentum", baseMomentum);
      const max = this.perGroup("maxMomentum", maxMomentum);
      this.checkMomentum();
      this.groups.forEach((group, i) => {
        const at = (bound: Place["from"]) => (bound === "max" ? base[i]! : max[i]!);
        const momentum = this.between(at(from), at(to), share);
        if (Array.isArray(group["betas"])) group["betas"] = [momentum, ...group["betas"].slice(1)];
        else group["momentum"] = momentum;
      });
    }
    return bounds.map((bound) => this.between(bound[from], bound[to], share));
  }

  protected first(): number[] {
    return this.next(0);
  }

  private checkMomentum(): void {
    const without = this.groups.findIndex((group) => !Array.isArray(group["betas"]) && typeof group["momentum"] !== "number");
    if (without >= 0) throw new DgsamError("ERR_ARGUMENT", `OneCycleLR: cycleMomentum: group ${without} has neither momentum nor betas; set cycleMomentum: false`);
  }

  private bounds(): { first: number; max: number; last: number }[] {
    const { maxLr, divFactor, finalDivFactor } = this.options;
    return this.perGroup("maxLr", maxLr).map((max) => ({ first: max / divFactor, max, last: max / divFactor / finalDivFactor }));
  }

  private between(start: number, end: number, share: number): number {
    return this.options.annealStrategy === "cos" ? end + ((start - end) / 2) * (roundedCosine(Math.PI * share) + 1) : (end - start) * share + start;
  }
}

/** Where an epoch lies. Throws `ERR_ARGUMENT` beyond the end, and where a phase has no step. */
function place(epoch: number, options: Options): Place {
  const { pctStart, threePhase } = options;
  const steps = stepsOf(options);
  if (epoch > steps) throw new DgsamError("ERR_ARGUMENT", `OneCycleLR: expected at most ${steps} steps, its totalSteps, got one more`);
  const way = (from: Place["from"], to: Place["to"], start: number, end: number): Place => {
    if (end === start) throw new DgsamError("ERR_ARGUMENT", `OneCycleLR: pctStart: ${pctStart} of ${steps} steps leaves no step for a phase; change it, or totalSteps`);
    return { from, to, share: (epoch - start) / (end - start) };
  };
  const top = pctStart * steps - 1;
  if (epoch <= top) return way("first", "max", 0, top);
  if (!threePhase) return way("max", "last", top, steps - 1);
  const bottom = 2 * pctStart * steps - 2;
  return epoch <= bottom ? way("max", "first", top, bottom) : way("first", "last", bottom, steps - 1);
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: Options): number {
  if (totalSteps !== null) {
    checkInteger("OneCycleLR: totalSteps", totalSteps, 1);
    return totalSteps;
  }
  if (epochs === null || stepsPerEpoch === null) throw argumentError("OneCycleLR: totalSteps", "totalSteps, or both epochs and stepsPerEpoch", undefined);
  checkInteger("OneCycleLR: epochs", epochs, 1);
  checkInteger("OneCycleLR: stepsPerEpoch", stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}
