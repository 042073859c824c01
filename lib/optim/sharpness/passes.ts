/** The passes of one step: whose losses are differentiated, which of them move BatchNorm statistics, and what they gave. */

import { checkInteger, checkNumber } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { isCaptured, NotPlannable, planCaptured, zeroGradients, type Commands, type LatePlannedPass, type PlannedPass } from "../../tensor/internal.js";
import { enableGrad, ops, scope, zeros, type Tensor } from "../../tensor/index.js";
import { backward, backwardUnread, checkClosure, differentiateMore, evaluate, finiteLoss, GradientSum, NonFinite, type Closure, type DomainClosure } from "../closures.js";
import { GATHERED } from "./climb-calls.js";
import type { Climb } from "./climb.js";
import type { Ledger } from "./ledger.js";
import type { Statistics } from "./statistics.js";

/** What a step takes: one loss, or one per domain. */
export type StepClosures = Closure | readonly DomainClosure[];

/** The closures of every domain, one or one per micro-batch. Throws `ERR_ARGUMENT`. */
function domainsOf(name: string, closures: StepClosures): (readonly Closure[])[] {
  if (typeof closures === "function") return [[closures]];
  if (!Array.isArray(closures) || closures.length === 0) throw argumentError(`${name}(closures)`, "a closure, or an array of at least one closure, one per domain", closures);
  return closures.map((each: DomainClosure, domain) => {
    const list: readonly Closure[] = typeof each === "function" ? [each] : each;
    if (!Array.isArray(list) || list.length === 0) checkClosure(`${name}: closure ${domain}`, list);
    else list.forEach((closure, batch) => checkClosure(`${name}: closure ${domain}${list.length === 1 ? "" : `, micro-batch ${batch}`}`, closure));
    return list;
  });
}

export class Passes {
  /** Each domain's loss when it was first evaluated; NaN until then. */
  readonly losses: number[];
  private readonly closures: (readonly Closure[])[];
  /** Whether the caller gave one closure and speaks of no domains. */
  private readonly single: boolean;
  private pass = 0;
  private present = 0;
  /** Domains that had a pass in this step. */
  private readonly visited: boolean[];
  /** What passes are left to, while a step is planned and nothing of it is done. */
  private commands: Commands | null = null;
  /** Where losses are noted, while nothing is waited for. */
  private ledger: Ledger | null = null;

  /**
   * @param name of the method that takes the step, for errors
   * @param lossScale what the losses are multiplied by before they are differentiated
   */
  constructor(
    private readonly name: string, closures: StepClosures, private readonly climb: Climb, private readonly statistics: Statistics, private readonly lossScale: number,
  ) {
    this.closures = domainsOf(name, closures);
    this.single = typeof closures === "function";
    this.losses = this.closures.map(() => NaN);
    this.visited = this.closures.map(() => false);
  }

  /** Whether all closures are captured functions, so that the step may be planned. */
  get areCaptured(): boolean {
    return this.closures.every((closures) => closures.every(isCaptured));
  }

  /** Begins to leave all passes to `commands`: their losses are NaN until these have run. */
  beginPlan(commands: Commands): void {
    this.commands = commands;
  }

  /** Ends that: as before it, nothing was done yet. */
  endPlan(): void {
    this.commands = null;
    this.pass = 0;
    this.present = 0;
    this.visited.fill(false);
  }

  /** Begins to note losses in a ledger: they are NaN until that is read. */
  beginLate(ledger: Ledger): void {
    this.ledger = ledger;
  }

  /** The number of domains, S. */
  get domains(): number {
    return this.closures.length;
  }

  /** Whose pass is being made, or was made last. */
  get domain(): number {
    return this.present;
  }

  /** The same in words, with the number of the pass. */
  where(): string {
    return `${this.single ? "the closure" : `domain ${this.present}`} (pass ${this.pass})`;
  }

  /** Leaves in `grad` the gradient of one domain's loss at the parameters as they are, and returns that loss. */
  differentiate(domain: number): number {
    checkInteger("differentiate(domain)", domain, 0, this.domains - 1);
    if (this.commands !== null) return this.plan(this.commands, [domain], null)[0]!;
    this.begin();
    if (this.ledger !== null) return this.addLate(this.ledger, [domain], 1)[0]!;
    return this.add(domain, 1, new GradientSum(), false);
  }

  /** Leaves in `grad` the gradient of the mean of the domains' losses, and returns these losses. */
  differentiateMean(): number[] {
    const domains = this.closures.map((_, domain) => domain);
    if (this.commands !== null) return this.plan(this.commands, domains, null);
    this.begin();
    if (this.ledger !== null) return this.addLate(this.ledger, domains, 1 / this.domains);
    const sum = new GradientSum();
    return domains.map((domain) => this.add(domain, 1 / this.domains, sum, this.looksAfter(domain)));
  }

  /**
   * Leaves in `grad` the gradient of mean L - lambda * var L over the domains' losses L, the variance divided by S, and returns
   * the losses. All graphs are alive at once, those of micro-batches too.
   */
  differentiateByVariance(lambda: number): number[] {
    // Micro-batches are not planned: a domain's loss would have to be known of several passes.
    if (this.commands !== null && this.closures.some(({ length }) => length > 1)) throw new NotPlannable("DISAM's domains have micro-batches");
    if (this.commands !== null) return this.plan(this.commands, this.closures.map((_, domain) => domain), lambda);
    if (this.ledger !== null) return this.differentiateByVarianceLate(this.ledger, lambda);
    return this.differentiateWeighted((losses) => {
      const mean = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
      return losses.map((loss) => (1 - 2 * lambda * (loss - mean)) / losses.length);
    });
  }

  /**
   * Leaves in `grad` the gradient of the domains' losses, each times a weight that may depend on all of them, and returns
   * the losses. All graphs are alive at once, those of micro-batches too.
   */
  differentiateWeighted(weigh: (losses: readonly number[]) => readonly number[]): number[] {
    if (this.commands !== null) throw new NotPlannable();
    if (this.ledger !== null) throw new DgsamError("ERR_STATE", 'differentiateWeighted: the weights wait for the losses, which steps with check: "late" do not; pass check: "sync"');
    this.begin();
    return scope(() => {
      const losses = this.closures.map((closures, domain) => {
        const first = this.announce(domain);
        const parts = closures.map((closure, batch) => evaluate(closure, this.closureName(domain, batch)));
        const value = finiteLoss(parts.reduce((sum, part) => sum + numberOf(part), 0) / parts.length);
        if (first) this.losses[domain] = value;
        return { parts, value };
      });
      const values = losses.map(({ value }) => value);
      const weights = weigh(values);
      if (!Array.isArray(weights) || weights.length !== this.domains) throw argumentError("differentiateWeighted: weights", `an array of ${this.domains} numbers, one per domain`, weights);
      weights.forEach((weight, domain) => checkNumber(`differentiateWeighted: weights[${domain}]`, weight, -Number.MAX_VALUE, Number.MAX_VALUE));
      const sum = new GradientSum();
      for (const [domain, { parts }] of losses.entries()) {
        this.present = domain;
        const weight = (weights[domain]! / parts.length) * this.lossScale;
        // One by one, so that gradients are summed as in the passes of other algorithms, and in captured steps as in eager ones.
        parts.forEach((part, batch) => {
          const looks = this.looksAfter(domain) && batch === parts.length - 1;
          backward(part, this.climb.parameters, this.closureName(domain, batch), weight, sum, looks);
        });
        checkGradient(sum);
      }
      return values;
    });
  }

  private begin(): void {
    // A closure may compute its losses in memory of its own, one after the other.
    this.ledger?.beginPass();
    this.pass++;
    zeroGradients(this.climb.parameters);
  }

  /** Leaves passes over some domains to the commands. The losses that it returns are those of the domains once they have run. */
  private plan(commands: Commands, domains: readonly number[], lambda: number | null): number[] {
    if (this.ledger !== null) return this.planLate(commands, this.ledger, domains, lambda);
    const pass = ++this.pass;
    const weight = lambda === null ? 1 / domains.length : 1;
    const planned: PlannedPass[] = [];
    const domainOf: number[] = [];
    const news = domains.map((domain) => {
      const closures = this.closures[domain]!;
      const isFirst = this.announce(domain);
      closures.forEach((closure, batch) => {
        const looks = this.looksAfter(domain) && domains.length > 1 && batch === closures.length - 1;
        planned.push(planCaptured(closure, (weight / closures.length) * this.lossScale, looks, commands));
        domainOf.push(domain);
      });
      return isFirst;
    });
    const losses = domains.map(() => NaN);
    commands.passes(planned, lambda, (outcome) => {
      this.pass = pass;
      this.present = domainOf[outcome.stop === null ? planned.length - 1 : outcome.stop.pass]!;
      domains.forEach((domain, i) => {
        const own = outcome.losses.filter((_, each) => domainOf[each] === domain);
        if (own.length < this.closures[domain]!.length || !own.every(Number.isFinite)) return;
        losses[i] = own.reduce((sum, loss) => sum + loss, 0) / own.length;
        if (news[i]) this.losses[domain] = losses[i]!;
      });
      if (outcome.stop !== null) throw new NonFinite(outcome.stop.what, outcome.stop.value);
    });
    return losses;
  }

  /** The same where losses are noted in a ledger, in the order in which {@link addLate} and {@link differentiateByVarianceLate} note them. */
  private planLate(commands: Commands, ledger: Ledger, domains: readonly number[], lambda: number | null): number[] {
    const pass = ++this.pass;
    const weight = lambda === null ? 1 / domains.length : 1;
    const losses = domains.map(() => NaN);
    const planned: LatePlannedPass[] = [];
    const noted: (() => void)[] = [];
    const gradients: (() => void)[] = [];
    domains.forEach((domain, i) => {
      const closures = this.closures[domain]!;
      const isFirst = this.announce(domain);
      const loss = ledger.reserve(1);
      const take = ([value]: readonly number[]): void => {
        losses[i] = value!;
        if (isFirst) this.losses[domain] = value!;
      };
      noted.push(() => {
        this.present = domain;
        ledger.enter(loss, ["loss"], take);
      });
      const looks = this.looksAfter(domain) && domains.length > 1;
      const noteGradient = (gradient: number): void => {
        this.present = domain;
        ledger.enter(gradient, GATHERED, () => {});
      };
      closures.forEach((closure, batch) => {
        const isLast = batch === closures.length - 1;
        const gradient = looks && isLast ? ledger.reserve(2) : 0;
        planned.push({ ...planCaptured(closure, (weight / closures.length) * this.lossScale, false, commands), loss: isLast ? loss : 0, gradient });
        if (gradient !== 0) (lambda === null ? noted : gradients).push(() => noteGradient(gradient));
      });
    });
    commands.latePasses(planned, lambda, ledger.numbers, () => {
      this.pass = pass;
      for (const note of [...noted, ...gradients]) note();
      this.present = domains.at(-1)!;
    });
    return losses;
  }

  // What follows the passes looks at the whole gradient: it could not tell whose fault it was, but for the last domain's.
  private looksAfter(domain: number): boolean {
    return domain < this.domains - 1;
  }

  /** Adds `weight` times the gradient of a domain's loss to `grad`, and returns that loss. */
  private add(domain: number, weight: number, sum: GradientSum, looks: boolean): number {
    const closures = this.closures[domain]!;
    const first = this.announce(domain);
    let total = 0;
    closures.forEach((closure, batch) => {
      const last = batch === closures.length - 1;
      total += differentiateMore(closure, this.climb.parameters, this.closureName(domain, batch), (weight / closures.length) * this.lossScale, sum, looks && last);
    });
    const loss = finiteLoss(total / closures.length);
    if (first) this.losses[domain] = loss;
    checkGradient(sum);
    return loss;
  }

  /** Adds `weight` times the gradients of some domains' losses to `grad`. The losses that it returns are there when the ledger was read. */
  private addLate(ledger: Ledger, domains: readonly number[], weight: number): number[] {
    const losses = domains.map(() => NaN);
    const sum = new GradientSum();
    domains.forEach((domain, i) => {
      const closures = this.closures[domain]!;
      const isFirst = this.announce(domain);
      closures.forEach((closure, batch) => scope(() => {
        const name = this.closureName(domain, batch);
        ledger.add(backwardUnread(evaluate(closure, name), this.climb.parameters, name, (weight / closures.length) * this.lossScale, sum));
      }));
      ledger.note(filling(losses, i, isFirst ? this.losses : [], domain));
      if (domains.length > 1 && this.looksAfter(domain)) this.climb.gradientNorm();
    });
    return losses;
  }

  /** {@link differentiateByVariance} with weights that only the device knows. */
  private differentiateByVarianceLate(ledger: Ledger, lambda: number): number[] {
    this.begin();
    const losses = this.closures.map(() => NaN);
    const { aten } = ops;
    scope(() => {
      const domains = this.closures.map((closures, domain) => {
        const isFirst = this.announce(domain);
        const parts = closures.map((closure, batch) => evaluate(closure, this.closureName(domain, batch)));
        const plain = parts.map(scalarOf);
        plain.forEach((part) => ledger.add(part));
        ledger.note(filling(losses, domain, isFirst ? this.losses : [], domain));
        return { parts, loss: aten.mean(aten.stack(plain.map((part) => aten.to(part, { dtype: "float64" })))) };
      });
      const mean = aten.mean(aten.stack(domains.map(({ loss }) => loss)));
      const sum = new GradientSum();
      for (const [domain, { parts, loss }] of domains.entries()) {
        this.present = domain;
        // (1 - 2 lambda (L - mean L)) / S
        const weight = aten.div(aten.rsub(aten.mul(aten.sub(loss, mean), 2 * lambda), 1), domains.length);
        parts.forEach((part, batch) => {
          const weighted = enableGrad(() => aten.mul(part, aten.to(weight, { dtype: part.dtype })));
          backwardUnread(weighted, this.climb.parameters, this.closureName(domain, batch), this.lossScale / parts.length, sum);
        });
        if (this.looksAfter(domain)) this.climb.gradientNorm();
      }
    });
    return losses;
  }

  /** Says whose pass it is; whether it is the domain's first one of the step. */
  private announce(domain: number): boolean {
    const first = !this.visited[domain];
    this.visited[domain] = true;
    this.present = domain;
    this.statistics.announcePass(first);
    return first;
  }

  private closureName(domain: number, batch: number): string {
    if (this.single) return `${this.name}: the closure`;
    const micro = this.closures[domain]!.length > 1 ? `, micro-batch ${batch}` : "";
    return `${this.name}: closure ${domain}${micro}`;
  }
}

/** Takes a number for two places. It lives as long as a result that nobody reads, and must not hold what the closures hold: minibatches. */
function filling(one: number[], i: number, other: number[], j: number): (value: number) => void {
  return (value) => {
    one[i] = value;
    other[j] = value;
  };
}

/** A loss's value. What is no real number is told when it cannot be differentiated; until then it is 0. */
function numberOf(loss: Tensor): number {
  const item = loss.numel === 1 ? loss.item() : undefined;
  return typeof item === "number" ? item : 0;
}

/** A loss as a number on its device; what is none is told when it is differentiated. */
function scalarOf(loss: Tensor): Tensor {
  return loss.numel === 1 && !loss.dtype.startsWith("complex") ? loss.detach().reshape([]) : zeros([], { device: loss.device });
}

/** Throws NonFinite where somebody looked and the sum was not finite. */
function checkGradient({ norm }: GradientSum): void {
  if (!Number.isFinite(norm)) throw new NonFinite("gradient", norm);
}
