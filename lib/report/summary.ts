/** From records of runs to one summary an algorithm. Records only: no model, no data. */

import { argumentError } from "../errors.js";
import type { RunRecord } from "../training/index.js";
import { mean, median, standardError } from "../training/statistics.js";

export interface AlgorithmSummary {
  algorithm: string;
  /** Accuracy on each held-out domain; the mean over seeds where there are several. */
  accuracies: Record<string, number>;
  /** How many seeds there are of each domain. */
  seeds: Record<string, number>;
  /** Of each accuracy over its seeds, as in DomainBed's tables: the population's standard deviation over the root of their number; 0 for one seed. */
  standardErrors: Record<string, number>;
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

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/**
 * One summary for each algorithm, in the order of the records.
 *
 * @throws DgsamError `ERR_ARGUMENT` for anything but an array of records
 */
export function summarize(records: readonly RunRecord[]): AlgorithmSummary[] {
  checkRecords(records);
  const baselines = new Map(records.filter((record) => record.algorithm === "ERM").map((record) => [runKey(record), record.medianStepSeconds]));
  return unique(records.map((record) => record.algorithm)).map((algorithm) => {
    const own = records.filter((record) => record.algorithm === algorithm);
    const cells = unique(own.map((record) => record.target)).map((target) => [target, own.filter((record) => record.target === target).map((record) => record.accuracy)] as const);
    const overSeeds = (figure: (values: readonly number[]) => number) => Object.fromEntries(cells.map(([target, values]) => [target, figure(values)]));
    const accuracies = overSeeds(mean);
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
      seeds: overSeeds(({ length }) => length),
      standardErrors: overSeeds(standardError),
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

function checkRecords(records: unknown): void {
  if (!Array.isArray(records)) throw argumentError("summarize(records)", "an array of RunRecords", records);
  for (const record of records) checkRecord("summarize(records)", record as RunRecord);
}

const NUMBERS = ["seed", "accuracy", "medianStepSeconds", "idealCost"] as const;

/** @throws DgsamError `ERR_ARGUMENT` for what is no record of a run, or one without what a summary is made of */
export function checkRecord(where: string, record: RunRecord): void {
  if (typeof record !== "object" || record === null) throw argumentError(where, "a RunRecord", record);
  for (const field of ["algorithm", "target"] as const) {
    if (typeof record[field] !== "string") throw argumentError(`${where}: ${field}`, "a string", record[field]);
  }
  for (const field of NUMBERS) {
    if (typeof record[field] !== "number") throw argumentError(`${where}: ${field}`, "a number", record[field]);
  }
}
