/** Files that are there whole or not at all: written beside their place, then renamed. */

import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { checkString } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";

export class OutputFile {
  /** How many bytes were written: where the next ones go. */
  position = 0;

  constructor(readonly descriptor: number) {}

  write(bytes: Uint8Array): void {
    this.overwrite(this.position, bytes);
    this.position += bytes.length;
  }

  /** Writes over what is there. */
  overwrite(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.descriptor, bytes, done, bytes.length - done, position + done);
  }
}

/**
 * Writes a file by `write`. Whoever reads the path meanwhile, or after a crash, finds the old file or the new one whole.
 *
 * @throws DgsamError `ERR_DATA` when it cannot be written, and whatever `write` throws; then the old file is as it was
 */
export function writeAtomically(path: string, write: (file: OutputFile) => void): void {
  checkString("path", path);
  if (path === "") throw argumentError("path", "the path of a file", path);
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  let descriptor: number | undefined;
  try {
    descriptor = openSync(temporary, "wx");
    write(new OutputFile(descriptor));
    // Else a power failure after the rename could leave an empty file in the old one's place.
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, path);
  } catch (cause) {
    if (descriptor !== undefined) closeSync(descriptor);
    rmSync(temporary, { force: true });
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
