/** What a training run and a comparison are told, and its check: everything that is wrong is named at once. */

import { z } from "zod";
import type { Domain, DomainDataset } from "../data/index.js";
import { describeValue, DgsamError } from "../errors.js";
import { ALGORITHM_NAMES, type AlgorithmName } from "./algorithms.js";
import { isDataset, isDomain } from "./checks.js";
import type { Classifier } from "./evaluate.js";

/** The numbers of a run. */
export interface TrainSettings {
  algorithm: AlgorithmName;
  /** Training steps, at least 1. */
  steps: number;
  /** Items per source domain and step. */
  batchSize: number;
  /** Learning rate of Adam. */
  lr: number;
  /** Radius of the climb, for algorithms that climb. 0 does not. */
  rho: number;
  /** From 0 to 2^32 - 1. Initial weights, minibatches and DGSAM's orders follow from it, each from a seed of its own. */
  seed: number;
}

export interface TrainConfig extends TrainSettings {
  /** Makes the network; called once, after seeding. */
  makeModel: () => Classifier;
  /** The domains to train on. */
  sources: readonly Domain[];
  /** The domains to evaluate on after the last step, none for no evaluation. */
  targets: readonly Domain[];
  /** Call the model in every pass, instead of recording what it does and replaying that. Default false. */
  eager?: boolean;
  /** Items of one forward pass of the evaluation; it changes memory and speed only. Default 256. */
  evaluationBatchSize?: number;
  /** Stops the run within a step: the iterator throws the signal's reason. */
  signal?: AbortSignal;
}

export interface CompareConfig extends Omit<TrainSettings, "algorithm"> {
  dataset: DomainDataset;
  /** Every run is made once for each, one seed after the other. Default: `seed` alone. */
  seeds?: readonly number[];
  /** Which to compare, each once. */
  algorithms: readonly AlgorithmName[];
  /** Names of the domains to hold out, one after the other, each once. Default: all. */
  targets?: readonly string[];
  /** Makes the network for a data set; called once a run, after seeding. */
  makeModel: (dataset: DomainDataset) => Classifier;
  /** As {@link TrainConfig.eager}. */
  eager?: boolean;
  /** As {@link TrainConfig.evaluationBatchSize}. */
  evaluationBatchSize?: number;
  /** Stops the comparison within a step: the iterator throws the signal's reason. */
  signal?: AbortSignal;
}

const anySeed = z.int().min(0).max(2 ** 32 - 1);
// A field's description is what the error says was expected.
const numbers = {
  steps: z.int().min(1).describe("an integer of at least 1"),
  batchSize: z.int().min(1).describe("an integer of at least 1"),
  lr: z.number().positive().describe("a number above 0"),
  rho: z.number().min(0).describe("a number of at least 0"),
  seed: anySeed.describe("an integer from 0 to 4294967295"),
};
const algorithm = z.enum(ALGORITHM_NAMES);
const domain = z.custom<Domain>(isDomain);
const shared = {
  makeModel: z.custom<() => Classifier>((value) => typeof value === "function").describe("a function that makes a model"),
  eager: z.boolean().optional().describe("a boolean"),
  evaluationBatchSize: z.int().min(1).optional().describe("an integer of at least 1"),
  signal: z.instanceof(AbortSignal).optional().describe("an AbortSignal"),
};

const trainConfig = z.strictObject({
  algorithm: algorithm.describe(`one of ${ALGORITHM_NAMES.join(", ")}`),
  ...numbers,
  ...shared,
  sources: z.array(domain).min(1).describe("an array of at least one Domain"),
  targets: z.array(domain).describe("an array of Domains"),
});

const compareConfig = z.strictObject({
  ...numbers,
  ...shared,
  seeds: z.array(anySeed).min(1).refine(areUnique).optional().describe("an array of integers from 0 to 4294967295, each once"),
  dataset: z.custom<DomainDataset>(isDataset).describe("a DomainDataset"),
  algorithms: z.array(algorithm).min(1).refine(areUnique).describe(`an array out of ${ALGORITHM_NAMES.join(", ")}, each once`),
  targets: z.array(z.string()).min(1).refine(areUnique).optional().describe("an array of names of domains, each once"),
});

/** @throws DgsamError `ERR_ARGUMENT` that lists everything wrong */
export function checkTrainConfig(config: TrainConfig): void {
  check("train", trainConfig, config);
}

/** @throws DgsamError `ERR_ARGUMENT` that lists everything wrong */
export function checkCompareConfig(config: CompareConfig): void {
  check("compareAlgorithms", compareConfig, config);
}

function check(where: string, schema: z.ZodObject, config: unknown): void {
  const result = schema.safeParse(config);
  if (result.success) return;
  const faults = result.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") return issue.keys.map((key) => `${key}: no such setting; there are ${Object.keys(schema.shape).join(", ")}`);
    const [field] = issue.path;
    const expected = field === undefined ? "an object of settings" : (schema.shape[field as string] as z.ZodType).description;
    const got = issue.path.reduce((value, key) => (value as Record<PropertyKey, unknown>)[key], config);
    const came = issue.path.length > 1 ? `an array with ${describeValue(got)} in it` : describeList(got);
    return [`${String(field ?? "config")}: expected ${expected}, got ${came}`];
  });
  throw new DgsamError("ERR_ARGUMENT", `${where}: ${[...new Set(faults)].join("; ")}`);
}

/** Names what an array has twice: that is what is wrong with one that is not empty. */
function describeList(value: unknown): string {
  const twice = Array.isArray(value) ? value.find((each, index) => value.indexOf(each) !== index) : undefined;
  return typeof twice === "string" || typeof twice === "number" ? `${JSON.stringify(twice)} twice` : describeValue(value);
}

function areUnique(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
