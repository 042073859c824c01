/** Checks of what this room is told, beside those of lib/checks.ts. */

import { checkInteger } from "../checks.js";
import { argumentError, describeValue, DgsamError } from "../errors.js";

/** Throws ERR_ARGUMENT unless `value` is a seed that NumPy's RandomState takes: an integer from 0 to 2^32 - 1. */
export function checkSeed(name: string, value: unknown): asserts value is number {
  checkInteger(name, value, 0, 2 ** 32 - 1);
}

/** Throws ERR_ARGUMENT unless `domain` has an item `index`. Runs for every item of a batch, so it makes no text in vain. */
export function checkItem(domain: { readonly name: string; readonly length: number }, index: unknown): void {
  if (Number.isInteger(index) && (index as number) >= 0 && (index as number) < domain.length) return;
  throw argumentError(`domain ${JSON.stringify(domain.name)}: item`, `an integer from 0 to ${domain.length - 1}`, index);
}

/** Throws ERR_ARGUMENT unless `value` is a list, an array or a typed array, say. What is in it is not looked at. */
export function checkList(name: string, value: unknown): asserts value is ArrayLike<unknown> {
  if (typeof value === "object" && value !== null && isLength((value as { length?: unknown }).length)) return;
  throw argumentError(name, "an array or a typed array", value);
}

/** Throws ERR_ARGUMENT unless `value` is a `Domain`, of whatever class. */
export function checkDomain(name: string, value: unknown): void {
  const { name: ownName, length, labels, item, batch } = Object(value) as Record<string, unknown>;
  if (typeof ownName === "string" && isLength(length) && typeof labels === "object" && labels !== null &&
    typeof item === "function" && typeof batch === "function") return;
  throw argumentError(name, "a Domain, with name, length, labels, item() and batch()", value);
}

/** Throws ERR_ARGUMENT unless `value` is an array of domains. */
export function checkDomains(name: string, value: unknown): void {
  if (!Array.isArray(value)) {
    const isDataset = Array.isArray((Object(value) as { domains?: unknown }).domains);
    const got = isDataset ? "a data set; pass its domains, or leaveOneDomainOut(dataset, ...).sources" : describeValue(value);
    throw new DgsamError("ERR_ARGUMENT", `${name}: expected an array of domains, got ${got}`);
  }
  value.forEach((domain, i) => checkDomain(`${name}[${i}]`, domain));
}

/** Throws ERR_ARGUMENT unless `value` is a `DomainDataset`. */
export function checkDataset(name: string, value: unknown): void {
  const { name: ownName, domains } = Object(value) as Record<string, unknown>;
  if (typeof ownName !== "string" || !Array.isArray(domains)) {
    throw argumentError(name, "a DomainDataset, with name, classes, inputShape and domains", value);
  }
  checkDomains(`${name}: domains`, domains);
}

/** Throws ERR_ARGUMENT unless `signal` is an AbortSignal, or not given. */
export function checkSignal(name: string, signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw argumentError(`${name}: signal`, "an AbortSignal", signal);
}

function isLength(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
