/** Whether a value is a domain, a data set or a classifier, as far as its fields tell: a user's own need no class of ours. */

import type { Domain, DomainDataset } from "../data/index.js";
import { argumentError } from "../errors.js";
import type { Classifier } from "./evaluate.js";

export function isDomain(value: unknown): value is Domain {
  return hasFields(value, ["name", "length", "batch"]);
}

export function isDataset(value: unknown): value is DomainDataset {
  return hasFields(value, ["name", "domains"]) && Array.isArray((value as DomainDataset).domains) && (value as DomainDataset).domains.every(isDomain);
}

/** @throws DgsamError `ERR_ARGUMENT` for what is no module with a forward pass */
export function checkClassifier(where: string, value: unknown): asserts value is Classifier {
  if (!hasFields(value, ["forward", "parameters", "train", "eval", "dispose"])) throw argumentError(where, "a Module from images to logits", value);
}

function hasFields(value: unknown, fields: readonly string[]): boolean {
  return typeof value === "object" && value !== null && fields.every((field) => field in value);
}
