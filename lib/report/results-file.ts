/** `results.json`: everything a comparison found, with what is needed to run it again. */

import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DgsamError } from "../errors.js";
import type { RunRecord } from "../training/index.js";
import { summarize, type AlgorithmSummary } from "./summary.js";

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
  /** Everything that the runs were told. */
  config: Record<string, unknown>;
  /** The finished runs, in the order in which they ran. */
  runs: RunRecord[];
  summary: AlgorithmSummary[];
}

/** Writes the file anew after each run, so that a reader finds the old one or the new one whole, whenever the process ends. */
export class ResultsFile {
  readonly path: string;
  readonly results: CompareResults;

  /** @throws DgsamError `ERR_DATA` when the folder cannot be made or written */
  constructor(folder: string, about: Omit<CompareResults, "complete" | "runs" | "summary">) {
    this.path = path.join(folder, "results.json");
    this.results = { complete: false, ...about, runs: [], summary: [] };
    this.write();
  }

  add(record: RunRecord): void {
    this.results.runs.push(record);
    this.results.summary = summarize(this.results.runs);
    this.write();
  }

  finish(): void {
    this.results.complete = true;
    this.write();
  }

  private write(): void {
    const temporary = `${this.path}.${process.pid}.tmp`;
    try {
      mkdirSync(path.dirname(this.path), { recursive: true });
      writeFileSync(temporary, `${JSON.stringify(this.results, null, 2)}\n`);
      renameSync(temporary, this.path);
    } catch (error) {
      if (existsSync(temporary)) rmSync(temporary);
      throw new DgsamError("ERR_DATA", `cannot write ${this.path}: ${(error as Error).message}; choose another folder`, { cause: error });
    }
  }
}
