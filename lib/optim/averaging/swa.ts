/**
 * Stochastic weight averaging, as torch.optim.swa_utils with `get_swa_multi_avg_fn`: the plain mean of all weights.
 *
 *     a  <- p                           (the first time)
 *     a  <- a + (p - a) / (n + 1)       (n weights averaged before)
 *
 * Izmailov et al., UAI 2018, arXiv 1803.05407: begin late in training, and average once an epoch.
 */

import type { Tensor } from "../../tensor/index.js";
import type { AveragingOptions } from "./running-average.js";
import { UpdatedAverage } from "./weight-average.js";

export class SWA extends UpdatedAverage {
  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(params: Iterable<Tensor>, options: AveragingOptions = {}) {
    super(params, options, []);
  }

  protected weightOfNewest(nAveraged: number): number {
    return 1 / (nAveraged + 1);
  }
}
