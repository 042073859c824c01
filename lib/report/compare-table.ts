/** The table of a comparison, as text. */

import type { AlgorithmSummary } from "./summary.js";

const percent = (value: number | undefined): string => (value === undefined ? "-" : (100 * value).toFixed(1));

/** Columns side by side: the first flush left, the others flush right. */
function align(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join("  ").trimEnd()).join("\n");
}

/**
 * Rows are algorithms; columns the held-out domains' accuracies in percent, their mean, standard deviation and worst,
 * the median step time, and its ratio to ERM's beside the ideal one. "-" stands for what there is no run for.
 *
 * @param targets the held-out domains, in order
 */
export function compareTable(summaries: readonly AlgorithmSummary[], targets: readonly string[]): string {
  const header = ["", ...targets, "mean", "sd", "worst", "ms/step", "cost", "(ideal)"];
  const rows = summaries.map((each) => [
    each.algorithm,
    ...targets.map((target) => percent(each.accuracies[target])),
    percent(each.mean),
    percent(each.standardDeviation),
    percent(each.worst),
    (1000 * each.stepSeconds).toFixed(1),
    each.cost === null ? "-" : each.cost.toFixed(2),
    `(${each.idealCost.toFixed(2)})`,
  ]);
  return align([header, ...rows]);
}
