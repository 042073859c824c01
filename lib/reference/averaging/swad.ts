/**
 * SWAD as its authors publish it: a dense average of weights over the valley of the validation loss.
 *
 * Two queues hold the latest segments, each the mean of the weights between two evaluations with the loss at its end:
 * `converge` the last N_s, `smooth` the last N_e. Averages are running means with a count that is 0 at first, so that what
 * an average begins with is replaced by the first segment that is added.
 *
 *     until converged:  if converge is full and its oldest has the least loss: the average begins with it;
 *                       B <- (1 + ratio) * mean loss of converge
 *                       N_e < N_s:  add converge[1 .. N_s - N_e]
 *                       N_e > N_s:  Q <- smooth[0 .. N_e - N_s];  k <- 1 + index of the last in Q above B, or 0;  add Q[k + 1 ..]
 *     afterwards:       nothing while smooth[0] ended before the converged segment did;
 *                       dead for good if all of smooth are above B, else add smooth[0]
 *     at the end:       not converged: the newest segment.  Not dead: drop smooth[0]; while some of smooth is not above B,
 *                       take smooth[0] out and add it
 *
 * Source: Cha et al., arXiv 2102.08604; `LossValley` in khanrc/swad, domainbed/swad.py.
 */
import { checkNumber, TwinError } from "../errors.js";

export interface SWADOptions {
  /** N_s. Default 3. */
  nConverge?: number;
  /** N_e. Default 6. */
  nTolerance?: number;
  /** Default 0.3. */
  toleranceRatio?: number;
}

export interface SWADResult {
  readonly converged: boolean;
  readonly params: readonly Float64Array[];
  /** The steps, from 1, at the ends of the average. */
  readonly startStep: number;
  readonly endStep: number;
}

class Mean {
  params: Float64Array[];
  count = 0;
  startStep: number;
  endStep: number;
  loss = NaN;

  constructor(params: readonly Float64Array[], startStep: number, endStep = startStep) {
    this.params = params.map((param) => param.slice());
    [this.startStep, this.endStep] = [startStep, endStep];
  }

  add(params: readonly Float64Array[], startStep: number, endStep = startStep): void {
    if (this.count === 0) this.startStep = startStep;
    this.endStep = endStep;
    for (const [index, mean] of this.params.entries()) {
      for (let i = 0; i < mean.length; i++) mean[i] = this.count === 0 ? params[index]![i]! : mean[i]! + (params[index]![i]! - mean[i]!) / (this.count + 1);
    }
    this.count++;
  }
}

export class SWAD {
  readonly params: readonly Float64Array[];
  finished = false;
  readonly #options: Required<SWADOptions>;
  #step = 0;
  #segment: Mean | null = null;
  #converge: Mean[] = [];
  #smooth: Mean[] = [];
  #average: Mean | null = null;
  #convergeStep = 0;
  #threshold = 0;

  /** @throws TwinError ERR_ARGUMENT for an option out of range. */
  constructor(params: readonly Float64Array[], { nConverge = 3, nTolerance = 6, toleranceRatio = 0.3 }: SWADOptions = {}) {
    checkNumber("SWAD: nConverge", nConverge, 1);
    checkNumber("SWAD: nTolerance", nTolerance, 1);
    checkNumber("SWAD: toleranceRatio", toleranceRatio, 0);
    this.params = params;
    this.#options = { nConverge, nTolerance, toleranceRatio };
  }

  get converged(): boolean {
    return this.#average !== null;
  }

  /** After each step of the optimizer. */
  update(): void {
    this.#step++;
    this.#segment ??= new Mean(this.params, this.#step);
    this.#segment.add(this.params, this.#step);
  }

  /** At each evaluation. */
  evaluate(validationLoss: number): void {
    if (this.finished) return;
    const segment = this.#segment;
    if (segment === null) throw new TwinError("ERR_ARGUMENT", "SWAD.evaluate: expected a step since the last evaluation, got none");
    this.#segment = null;
    segment.loss = validationLoss;
    const { nConverge, nTolerance } = this.#options;
    this.#converge = [...this.#converge, segment].slice(-nConverge);
    this.#smooth = [...this.#smooth, segment].slice(-nTolerance);
    if (this.#average === null) return this.#detect();
    if (this.#smooth[0]!.endStep < this.#convergeStep) return;
    if (this.#smooth.every(({ loss }) => loss > this.#threshold)) this.finished = true;
    else add(this.#average, this.#smooth[0]!);
  }

  #detect(): void {
    const { nConverge, nTolerance, toleranceRatio } = this.#options;
    if (this.#converge.length < nConverge) return;
    const [first] = this.#converge;
    if (this.#converge.some(({ loss }) => loss < first!.loss)) return;
    this.#average = new Mean(first!.params, first!.startStep, first!.endStep);
    this.#convergeStep = first!.endStep;
    this.#threshold = (this.#converge.reduce((sum, { loss }) => sum + loss, 0) / nConverge) * (1 + toleranceRatio);
    for (let i = 1; i <= nConverge - nTolerance; i++) add(this.#average, this.#converge[i]!);
    if (nTolerance <= nConverge) return;
    const queue = this.#smooth.slice(0, nTolerance - nConverge + 1);
    let start = queue.length;
    while (start > 0 && queue[start - 1]!.loss <= this.#threshold) start--;
    for (const each of queue.slice(start + 1)) add(this.#average, each);
  }

  /** The average if training ended now. */
  result(): SWADResult {
    if (this.#average === null) {
      const newest = this.#converge.at(-1);
      if (!newest) throw new TwinError("ERR_ARGUMENT", "SWAD.result: expected an evaluation first, got none");
      return { converged: false, params: newest.params, startStep: newest.startStep, endStep: newest.endStep };
    }
    const { params, count, startStep, endStep } = this.#average;
    const whole = Object.assign(new Mean(params, startStep, endStep), { count });
    const smooth = this.finished ? [] : this.#smooth.slice(1);
    while (smooth.some(({ loss }) => loss <= this.#threshold)) add(whole, smooth.shift()!);
    return { converged: true, params: whole.params, startStep: whole.startStep, endStep: whole.endStep };
  }
}

function add(average: Mean, { params, startStep, endStep }: Mean): void {
  average.add(params, startStep, endStep);
}
