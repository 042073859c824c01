/** `results.json`: everything a comparison found, with what is needed to run it again. */

import { constants, copyFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { SkippedImage } from "../data/index.js";
import { argumentError, DgsamError } from "../errors.js";
import type { RunRecord } from "../training/index.js";
import { makeFolder, tryToWrite } from "./folder.js";
import { checkRecord, summarize, type AlgorithmSummary } from "./summary.js";

export interface CompareResults {
  /** False while runs are missing: interrupted, or still going. */
  complete: boolean;
  /** Versions. Numbers are reproducible with the same ones, the same processor and the same thread count. */
  dgsam: string;
  libtorch: string;
  node: string;
  /** The processor as it names itself. */
  cpu: string;
  threads: number;
  /** Everything that the runs were told, and where the data came from. */
  config: Record<string, unknown>;
  /** The finished runs, in the order in which they ran. */
  runs: RunRecord[];
  summary: AlgorithmSummary[];
  /** The images that were met and left out because they cannot be decoded, where there are any and that was permitted. */
  skipped?: readonly SkippedImage[];
}

const NAME = "results.json";

/** Writes the file anew after each run, so that a reader finds the old one or the new one whole, whenever the process ends. */
export class ResultsFile {
  readonly path: string;
  readonly results: CompareResults;
  /** Where the file that was there is kept, `results.1.json` or the next number that is free; null where there was none with runs. */
  readonly kept: string | null;

  /**
   * Makes the folder and writes the file, without runs yet. What another comparison found there is kept.
   *
   * @param folder where to write `results.json`
   * @param about versions, machine and settings
   * @throws DgsamError `ERR_ARGUMENT`; `ERR_DATA` when the folder cannot be made or written
   */
  constructor(folder: string, about: Omit<CompareResults, "complete" | "runs" | "summary" | "skipped">) {
    if (typeof folder !== "string" || folder === "") throw argumentError("ResultsFile: folder", "the path of a folder", folder);
    if (typeof about !== "object" || about === null) throw argumentError("ResultsFile: about", "versions, machine and settings", about);
    this.path = path.join(folder, NAME);
    this.results = { complete: false, ...about, runs: [], summary: [] };
    this.kept = keep(this.path);
    this.write();
  }

  /** Adds a finished run and writes the file. @throws DgsamError as the constructor */
  add(record: RunRecord): void {
    checkRecord("ResultsFile.add(record)", record);
    this.results.runs.push(record);
    this.results.summary = summarize(this.results.runs);
    this.write();
  }

  /** Marks the comparison as complete and writes the file. @throws DgsamError as the constructor */
  finish(): void {
    this.results.complete = true;
    this.write();
  }

  private write(): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      makeFolder(path.dirname(this.path));
      writeFileSync(temporary, `${JSON.stringify(this.results, null, 2)}\n`);
      renameSync(temporary, this.path);
    } catch (error) {
      if (existsSync(temporary)) rmSync(temporary);
      throw cannotWrite(this.path, error);
    }
  }
}

/** Copies a file beside itself, if there is one that is worth it, and says where to. */
function keep(file: string): string | null {
  if (!existsSync(file) || hasNoRuns(file)) return null;
  const { dir, name, ext } = path.parse(file);
  for (let number = 1; ; number++) {
    const copy = path.join(dir, `${name}.${number}${ext}`);
    try {
      copyFileSync(file, copy, constants.COPYFILE_EXCL);
      return copy;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cannotWrite(copy, cause);
    }
  }
}

/** Whether a comparison was interrupted before its first run ended. Whatever else a file is, somebody may want it. */
function hasNoRuns(file: string): boolean {
  try {
    const { complete, runs } = JSON.parse(readFileSync(file, "utf8")) as Partial<CompareResults>;
    return complete === false && Array.isArray(runs) && runs.length === 0;
  } catch {
    return false;
  }
}

/** Finds out whether results can be written to a folder, before what takes long, and leaves nothing. @throws DgsamError `ERR_DATA` */
export function checkResultsFolder(folder: string): void {
  const file = path.join(folder, NAME);
  try {
    tryToWrite(file);
  } catch (cause) {
    throw cannotWrite(file, cause);
  }
}

function cannotWrite(file: string, cause: unknown): DgsamError {
  return new DgsamError("ERR_DATA", `cannot write ${file}: ${(cause as Error).message}; choose another folder`, { cause });
}
