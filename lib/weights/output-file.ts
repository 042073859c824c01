/** Files that are there whole or not at all: written beside their place, then renamed. */

import { randomBytes } from "node:crypto";
import { closeSync, fchmodSync, fchownSync, fsyncSync, lstatSync, openSync, readlinkSync, realpathSync, renameSync, rmSync, writeSync, type Stats } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
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

// As many as Linux follows.
const MAX_LINKS = 40;

/** Where the bytes of a path go, behind all symbolic links, also where the last of them names a file that is to be made; and what is there. */
function placeOf(path: string): { place: string; status: Stats | undefined } {
  let at = path;
  for (let links = 0; links <= MAX_LINKS; links++) {
    const folder = realpathSync(dirname(at));
    const place = join(folder, basename(at));
    const status = lstatSync(place, { throwIfNoEntry: false });
    if (status === undefined || !status.isSymbolicLink()) return { place, status };
    at = resolve(folder, readlinkSync(place));
  }
  throw new Error("too many symbolic links");
}

/** Opens a new file that is owned and may be read as the one that it is to replace. */
function openAs(temporary: string, status: Stats | undefined): number {
  if (status === undefined) return openSync(temporary, "wx");
  const mode = status.mode & 0o777;
  // With this mode from the start: nobody reads in between what the old file kept from them.
  const descriptor = openSync(temporary, "wx", mode);
  try {
    if (status.uid !== process.getuid?.() || status.gid !== process.getgid?.()) fchownSync(descriptor, status.uid, status.gid);
  } catch {
    // Only root may give files away. Others write theirs, as a copy would be.
  }
  // What the umask took away.
  fchmodSync(descriptor, mode);
  return descriptor;
}

/**
 * Writes a file by `write`. Whoever reads the path meanwhile, or after a crash, finds the old file or the new one whole. A symbolic link stays
 * one, and the file that it names is written; the file keeps its mode, and its owner where that is allowed.
 *
 * @throws DgsamError `ERR_DATA` when it cannot be written, as what is no regular file, and whatever `write` throws; then the old file is as it was
 */
export function writeAtomically(path: string, write: (file: OutputFile) => void): void {
  checkString("path", path);
  if (path === "" || path.endsWith("/")) throw argumentError("path", "the path of a file", path);
  let temporary: string | undefined;
  let descriptor: number | undefined;
  try {
    const { place, status } = placeOf(path);
    // A device or a pipe would be gone, and a file in its place.
    if (status !== undefined && !status.isFile()) throw new Error("it is no regular file");
    temporary = `${place}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
    descriptor = openAs(temporary, status);
    write(new OutputFile(descriptor));
    // Else a power failure after the rename could leave an empty file in the old one's place.
    fsyncSync(descriptor);
    closeSync(descriptor);
    descriptor = undefined;
    renameSync(temporary, place);
  } catch (cause) {
    if (descriptor !== undefined) closeSync(descriptor);
    if (temporary !== undefined) rmSync(temporary, { force: true });
    if (cause instanceof DgsamError) throw cause;
    throw new DgsamError("ERR_DATA", `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}
