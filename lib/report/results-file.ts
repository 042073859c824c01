/** `results.json`: everything a comparison found, with what is needed to run it again. */

import { existsSync, renameSync, rmSync, writeFileSync } from "node:fs";
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

  /**
   * Makes the folder and writes the file, without runs yet.
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
