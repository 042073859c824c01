/** What can be wrong with image data: one record for each fault, turned into text last. */

import { DgsamError } from "../../errors.js";

export type DataProblemKind =
  /** Cannot be read, or not be decoded to its last line: damaged, cut short, or no image in spite of its name; a shard or a folder, with all that is in it. */
  | "unreadable"
  /** Claims more pixels than the limit; it was not decoded. */
  | "too-many-pixels"
  /** A file that is none of the image formats by its name, or lies in no class folder. */
  | "not-an-image"
  /** A class that has a folder in this domain, but no image in it. */
  | "empty-class"
  /** A class that other domains have and this one has not. */
  | "missing-class"
  /** A domain without any image. */
  | "empty-domain"
  /** The same bytes twice in one class of one domain, a second way to the same folder, or an archive's entry whose name comes twice. */
  | "duplicate"
  /** The same bytes in two domains: what is held out would be trained on. */
  | "duplicate-across-domains"
  /** The same bytes under two classes: one of the labels is wrong. */
  | "duplicate-across-classes"
  /** A link that leads back to a folder that it lies in. */
  | "symlink-loop"
  /** A link to what is not there. */
  | "broken-link"
  /** An archive's entry that points outside of it, or is a link. */
  | "outside"
  /** A line, row or entry that says too little or something impossible. */
  | "malformed";

export interface DataProblem {
  readonly kind: DataProblemKind;
  /** Where: the path of a file or folder, for rows, lines and entries with "#" and which. */
  readonly path: string;
  /** What is wrong, without the path. */
  readonly message: string;
}

// More of them say no more, and a million lines are no message.
const SHOWN = 5;

/** `ERR_DATA`: "`subject`: 7 problems: a; b; ... and 2 more", or the one problem alone. */
export function problemsError(subject: string, problems: readonly string[], advice = ""): DgsamError {
  const count = problems.length === 1 ? "" : `${problems.length} problems: `;
  const more = problems.length > SHOWN ? `; and ${problems.length - SHOWN} more` : "";
  return new DgsamError("ERR_DATA", `${subject}: ${count}${problems.slice(0, SHOWN).join("; ")}${more}${advice === "" ? "" : `; ${advice}`}`);
}

/** A message that begins with the path, as those of errors do, without it. */
export function withoutPath(message: string, path: string): string {
  return message.startsWith(`${path}: `) ? message.slice(path.length + 2) : message;
}

export function describeProblem({ path, message }: DataProblem): string {
  return `${path}: ${message}`;
}
