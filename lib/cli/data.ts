/** `dgsam data check`: looks through a data set of images for what would spoil a training. */

import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
// Not through the room's list: LibTorch, which that loads, is not needed here.
import { checkData } from "../data/images/check-data.js";
import { dataText } from "../report/data-text.js";
import { interruption, interruptionStatus } from "./interruption.js";
import { integer } from "./option-values.js";
import { showImages } from "./progress.js";
import { addSourceOptions, sourceOptionsOf, type SourceTexts } from "./source-options.js";

interface CheckOptions extends SourceTexts {
  json?: boolean;
  maxPixels?: number;
}

export function dataCommand(): Command {
  const check = new Command("check")
    .description(
      "Read and decode every image, and report with its path what is damaged or cut short, empty classes and classes that a domain lacks, the same " +
        "image twice (worst in two domains or under two classes), links in circles, entries of archives that point outside, files that are no images.",
    )
    .summary("look through all images for what would spoil a training")
    .argument("<data...>", "the folder of a data set (DOMAIN/CLASS/image), a manifest (.csv, .json, .jsonl), or .parquet or .tar files: several, a folder of them, or a pattern such as train-{000..012}.tar")
    .option("--max-pixels <count>", "pixels that an image may claim to have; those with more are not decoded (default: 89478485, as in training)", integer(1))
    .option("--json", "print one JSON object instead of the text");
  addSourceOptions(check)
    .addHelpText("after", "\nExit status 1 when something is wrong.")
    .exitOverride()
    .action(run);
  return new Command("data").description("Look at data sets of images").addCommand(check);
}

async function run(data: string[], { json = false, maxPixels, ...about }: CheckOptions): Promise<void> {
  const progress = showImages(process.stderr, "images were looked at");
  try {
    // Lets in a signal that came while all this was loaded.
    await setImmediate();
    const report = await checkData(data, { signal: interruption, onProgress: progress.show, ...sourceOptionsOf(about), ...(maxPixels === undefined ? {} : { maxPixels }) });
    progress.stop();
    process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : dataText(report));
    if (!report.ok) process.exitCode = 1;
  } catch (error) {
    progress.stop();
    if (error !== interruption.reason) throw error;
    process.stderr.write(`Interrupted: ${progress.state()}\n`);
    process.exitCode = interruptionStatus();
  }
}
