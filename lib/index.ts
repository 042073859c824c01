/** The public list of the package. */
export { DgsamError, type DgsamErrorCode, type MemoryShortage } from "./errors.js";
export { DgsamWarning, type DgsamWarningCode } from "./warnings.js";
export * from "./tensor/index.js";
export * from "./optim/index.js";
export * from "./data/index.js";
export * from "./nn/index.js";
export * from "./weights/index.js";
export * from "./models/index.js";
export * from "./training/index.js";
export * from "./report/index.js";
