/** LibTorch's warnings and our own, as Node's: `process.on("warning", ...)`, `--trace-warnings`, `--no-warnings`. */

/** `code` of a warning: of something questionable, of something that LibTorch will drop, of a function that is not recorded, of data and weights, of a script without parameters, of tensors in JSON. */
export type DgsamWarningCode = "WARN_NATIVE" | "WARN_DEPRECATED" | "WARN_CAPTURE" | "WARN_DATA" | "WARN_FROZEN" | "WARN_JSON";

/** What listeners of the process's `warning` event get. */
export class DgsamWarning extends Error {
  override readonly name = "DgsamWarning";
  readonly code: DgsamWarningCode;

  constructor(code: DgsamWarningCode, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Shows a warning that LibTorch gave inside the addon. The addon passes each text once in a process.
 *
 * The native call has not returned yet, and its results lie where a further call would put its own: listeners must wait.
 *
 * @param subject the operator that ran, empty when none did
 */
export function nativeWarning(deprecation: boolean, message: string, subject: string): void {
  const warning = new DgsamWarning(deprecation ? "WARN_DEPRECATED" : "WARN_NATIVE", subject === "" ? message : `${subject}: ${message}`);
  Error.captureStackTrace(warning, nativeWarning);
  process.nextTick(() => process.emitWarning(warning));
}

/** Warns of data or weights that were left out, may be others than was meant, or are slower to get than they could be. */
export function dataWarning(message: string): void {
  const warning = new DgsamWarning("WARN_DATA", message);
  Error.captureStackTrace(warning, dataWarning);
  process.emitWarning(warning);
}
