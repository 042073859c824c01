/** From records of runs to one summary an algorithm. Records only: no model, no data. */

import type { RunRecord } from "../training/index.js";

export interface AlgorithmSummary {
  algorithm: string;
  /** Accuracy on each held-out domain; the mean over seeds where there are several. */
  accuracies: Record<string, number>;
  /** Over the domains. The deviation is the population's: the domains are all there are. */
  mean: number;
  standardDeviation: number;
  worst: number;
  worstDomain: string;
  /** The median over runs of their median step times. */
  stepSeconds: number;
  /** Step time over ERM's on the same targets, measured, and as the count of gradients alone would have it; null without ERM. */
  cost: number | null;
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
  const baseline = stepTime(records.filter((record) => record.algorithm === "ERM"));
  return unique(records.map((record) => record.algorithm)).map((algorithm) => {
    const own = records.filter((record) => record.algorithm === algorithm);
    const accuracies = Object.fromEntries(
      unique(own.map((record) => record.target)).map((target) => [target, mean(own.filter((record) => record.target === target).map((record) => record.accuracy))]),
    );
    const values = Object.values(accuracies);
    const average = mean(values);
    const worst = Math.min(...values);
    const stepSeconds = stepTime(own)!;
    return {
      algorithm,
      accuracies,
      mean: average,
      standardDeviation: Math.sqrt(mean(values.map((each) => (each - average) ** 2))),
      worst,
      worstDomain: Object.keys(accuracies).find((target) => accuracies[target] === worst)!,
      stepSeconds,
      cost: baseline === null ? null : stepSeconds / baseline,
      idealCost: own[0]!.idealCost,
    };
  });
}

function stepTime(records: readonly RunRecord[]): number | null {
  return records.length === 0 ? null : median(records.map((record) => record.medianStepSeconds));
}
