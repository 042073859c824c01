/** Warnings, LibTorch's and our own, as Node's: `process.on("warning", ...)`, `--trace-warnings`, `--no-warnings`. */

/** `code` of a warning: of something questionable, of something that LibTorch will drop, of a function that is not recorded, of data that are not as expected. */
export type DgsamWarningCode = "WARN_NATIVE" | "WARN_DEPRECATED" | "WARN_CAPTURE" | "WARN_DATA";

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
