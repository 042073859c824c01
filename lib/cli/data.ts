/** `dgsam data check`: looks through a data set of images for what would spoil a training. */

import { setImmediate } from "node:timers/promises";
import cliProgress from "cli-progress";
import { Command } from "commander";
// Not through the room's list: LibTorch, which that loads, is not needed here.
import { checkData } from "../data/images/check-data.js";
import { dataText } from "../report/data-text.js";
import { interruption, interruptionStatus } from "./interruption.js";
import { integer } from "./option-values.js";

interface CheckOptions {
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
    .argument("<data>", "the folder of a data set (DOMAIN/CLASS/image), or a manifest (.csv, .json, .jsonl), a .parquet or a .tar file")
    .option("--max-pixels <count>", "pixels that an image may claim to have; those with more are not decoded (default: 268402689)", integer(1))
    .option("--json", "print one JSON object instead of the text")
    .addHelpText("after", "\nExit status 1 when something is wrong.")
    .exitOverride()
    .action(run);
  return new Command("data").description("Look at data sets of images").addCommand(check);
}

async function run(data: string, { json = false, maxPixels }: CheckOptions): Promise<void> {
  const progress = makeProgress(process.stderr);
  try {
    // Lets in a signal that came while all this was loaded.
    await setImmediate();
    const report = await checkData(data, { signal: interruption, onProgress: progress.show, ...(maxPixels === undefined ? {} : { maxPixels }) });
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

interface Progress {
  readonly show: (done: number, total: number) => void;
  stop(): void;
  state(): string;
}

/** A bar on a terminal, elsewhere a line after each tenth. */
function makeProgress(stream: NodeJS.WriteStream): Progress {
  const bar = stream.isTTY
    ? new cliProgress.SingleBar({ format: "images {bar} {value}/{total}", clearOnComplete: true, hideCursor: true, stream }, cliProgress.Presets.shades_grey)
    : undefined;
  let state = "no image was looked at";
  let begun = false;
  return {
    show(done, total) {
      state = `${done} of ${total} images were looked at`;
      if (bar === undefined) {
        if (Math.floor((10 * done) / total) > Math.floor((10 * (done - 1)) / total)) stream.write(`[${done}/${total}] images\n`);
      } else if (begun) bar.update(done);
      else bar.start(total, done);
      begun = true;
    },
    stop: () => bar?.stop(),
    state: () => state,
  };
}
