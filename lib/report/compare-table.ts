/** The table of a comparison, as text. */

import { argumentError } from "../errors.js";
import { align } from "./align.js";
import type { AlgorithmSummary } from "./summary.js";

/** A cell: the mean over seeds and, where there are several, its standard error. */
function cell({ accuracies, seeds, standardErrors }: AlgorithmSummary, target: string): string {
  return (seeds[target] ?? 0) > 1 ? `${percent(accuracies[target])} ± ${percent(standardErrors[target])}` : percent(accuracies[target]);
}

const percent = (value: number | undefined): string => (value === undefined ? "-" : (100 * value).toFixed(1));

/**
 * Rows are algorithms; columns the held-out domains' accuracies in percent, over several seeds with their standard errors, then their mean, standard deviation and worst,
 * the median step time, and its ratio to ERM's beside the ideal one. "-" stands for what there is no run for.
 *
 * @param targets the held-out domains, in order
 * @throws DgsamError `ERR_ARGUMENT` when one of them is no array
 */
export function compareTable(summaries: readonly AlgorithmSummary[], targets: readonly string[]): string {
  if (!Array.isArray(summaries)) throw argumentError("compareTable(summaries, targets)", "an array of summaries", summaries);
  if (!Array.isArray(targets)) throw argumentError("compareTable(summaries, targets)", "an array of names of domains", targets);
  const header = ["", ...targets, "mean", "sd", "worst", "ms/step", "cost", "(ideal)"];
  const rows = summaries.map((each) => [
    each.algorithm,
    ...targets.map((target) => cell(each, target)),
    percent(each.mean),
    percent(each.standardDeviation),
    percent(each.worst),
    (1000 * each.stepSeconds).toFixed(1),
    each.cost === null ? "-" : each.cost.toFixed(2),
    `(${each.idealCost.toFixed(2)})`,
  ]);
  return align([header, ...rows], 1);
}
