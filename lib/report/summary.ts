/** From records of runs to one summary an algorithm. Records only: no model, no data. */

import type { RunRecord } from "../training/index.js";

export interface AlgorithmSummary {
  algorithm: string;
  /** Accuracy on each held-out domain; the mean over seeds where there are several. */
  accuracies: Record<string, number>;
  /** Over the domains' accuracies. */
  mean: number;
  /** Over the domains' accuracies; the population's, which divides by their number: the domains are all there are. */
  standardDeviation: number;
  /** The lowest of the domains' accuracies, and its domain. */
  worst: number;
  worstDomain: string;
  /** The median over runs of their median step times. */
  stepSeconds: number;
  /**
   * Step time over that of ERM's run with the same target and seed, which ran next to it: the median of these ratios.
   * Null where ERM did not run.
   */
  cost: number | null;
  /** The ratio that the count of gradients alone would give. */
  idealCost: number;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** One summary for each algorithm, in the order of the records. */
export function summarize(records: readonly RunRecord[]): AlgorithmSummary[] {
  const baselines = new Map(records.filter((record) => record.algorithm === "ERM").map((record) => [runKey(record), record.medianStepSeconds]));
  return unique(records.map((record) => record.algorithm)).map((algorithm) => {
    const own = records.filter((record) => record.algorithm === algorithm);
    const accuracies = Object.fromEntries(
      unique(own.map((record) => record.target)).map((target) => [target, mean(own.filter((record) => record.target === target).map((record) => record.accuracy))]),
    );
    const values = Object.values(accuracies);
    const average = mean(values);
    const worst = Math.min(...values);
    const ratios = own.flatMap((record) => {
      const baseline = baselines.get(runKey(record));
      return baseline === undefined ? [] : [record.medianStepSeconds / baseline];
    });
    return {
      algorithm,
      accuracies,
      mean: average,
      standardDeviation: Math.sqrt(mean(values.map((each) => (each - average) ** 2))),
      worst,
      worstDomain: Object.keys(accuracies).find((target) => accuracies[target] === worst)!,
      stepSeconds: median(own.map((record) => record.medianStepSeconds)),
      cost: ratios.length === 0 ? null : median(ratios),
      idealCost: own[0]!.idealCost,
    };
  });
}

/** What two algorithms' runs must share to be compared. */
function runKey({ target, seed }: RunRecord): string {
  return JSON.stringify([target, seed]);
}
