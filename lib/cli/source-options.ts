/** Options that say of data what these do not say themselves, the same for all commands. */

import type { Command } from "commander";
import type { SourceOptions } from "../data/images/source-options.js";
import { columns, namesOf, repeated } from "./option-values.js";

export interface SourceTexts {
  root?: string;
  columns?: Record<string, string>;
  classes?: string[];
}

export function addSourceOptions(command: Command): Command {
  return command
    .option("--root <folder>", "what relative paths in a manifest are relative to (default: the manifest's folder)")
    .option("--columns <names>", "what the columns of Parquet files are called, such as label=class,domain=site (default: image, label, domain, split)", columns)
    .option("--classes <names>", "the classes in the order of their labels, separated by commas, or repeated for names with commas, where the data do not name them", repeated);
}

export function sourceOptionsOf({ root, columns: names, classes }: SourceTexts): SourceOptions {
  return { ...(root === undefined ? {} : { root }), ...(names === undefined ? {} : { columns: names }), ...(classes === undefined ? {} : { classes: namesOf(classes) }) };
}
