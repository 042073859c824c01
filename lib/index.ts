/** The public list of the package. */
export { DgsamError, type DgsamErrorCode } from "./errors.js";
export * from "./tensor/index.js";
