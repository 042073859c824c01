/**
 * Exponential moving average of weights, as torch.optim.swa_utils with `get_ema_multi_avg_fn`.
 *
 *     a  <- p                                (the first time)
 *     a  <- decay * a + (1 - decay) * p      (warmup: decay is at most (1 + n) / (10 + n) after n updates)
 *
 * Polyak & Juditsky 1992; the warm-up is that of TensorFlow's ExponentialMovingAverage.
 */

import { checkBoolean, checkNumber } from "../../checks.js";
import type { Tensor } from "../../tensor/index.js";
import type { AveragingOptions } from "./running-average.js";
import { UpdatedAverage } from "./weight-average.js";

export interface EMAOptions extends AveragingOptions {
  /** What stays of the average at each update, 0 to 1; it then reaches back about 1 / (1 - decay) updates. Default 0.999. */
  decay?: number;
  /** Let the decay begin small, so that the first weights are forgotten soon. Default false. */
  warmup?: boolean;
}

export class EMA extends UpdatedAverage {
  readonly decay: number;
  readonly warmup: boolean;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(params: Iterable<Tensor>, options: EMAOptions = {}) {
    super(params, options, ["decay", "warmup"]);
    const { decay = 0.999, warmup = false } = options;
    checkNumber("EMA: decay", decay, 0, 1);
    checkBoolean("EMA: warmup", warmup);
    this.decay = decay;
    this.warmup = warmup;
  }

  protected weightOfNewest(nAveraged: number): number {
    return 1 - (this.warmup ? Math.min(this.decay, (1 + nAveraged) / (10 + nAveraged)) : this.decay);
  }
}
