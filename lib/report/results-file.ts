/** `results.json`: everything a comparison found, with what is needed to run it again. */

import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DgsamError } from "../errors.js";
import type { RunRecord } from "../training/index.js";
import { summarize, type AlgorithmSummary } from "./summary.js";

export interface CompareResults {
  /** False while runs are missing: interrupted, or still going. */
  complete: boolean;
  dgsam: string;
  libtorch: string;
  node: string;
  threads: number;
  config: Record<string, unknown>;
  runs: RunRecord[];
  summary: AlgorithmSummary[];
}

/** Writes the file so that a reader finds the old one or the new one whole, whenever the process ends. */
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
    try {
      mkdirSync(path.dirname(this.path), { recursive: true });
      const temporary = `${this.path}.${process.pid}.tmp`;
      writeFileSync(temporary, `${JSON.stringify(this.results, null, 2)}\n`);
      renameSync(temporary, this.path);
    } catch (error) {
      throw new DgsamError("ERR_DATA", `cannot write ${this.path}: ${(error as Error).message}; choose another folder with --out`, { cause: error });
    }
  }
}
