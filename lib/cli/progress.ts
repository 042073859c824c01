/** Progress of a comparison, and of looking at many images: bars on a terminal, plain lines elsewhere. */

import cliProgress from "cli-progress";
import type { DownloadProgress } from "../models/index.js";
import { printable } from "../report/printable.js";
import type { CompareEvent } from "../training/index.js";

export interface Progress {
  show(event: CompareEvent): void;
  stop(): void;
}

type SeedText = (seed: number) => string;

/** A bar for the runs and one for the steps of the present run. */
function bars(stream: NodeJS.WriteStream, seedOf: SeedText): Progress {
  const all = new cliProgress.MultiBar(
    { format: "{label} {bar} {value}/{total} {detail}", clearOnComplete: true, hideCursor: true, stream },
    cliProgress.Presets.shades_grey,
  );
  let runs: cliProgress.SingleBar | undefined;
  let steps: cliProgress.SingleBar | undefined;
  return {
    show(event) {
      runs ??= all.create(event.runs, 0, { label: "runs ", detail: "" });
      if (event.type === "run") {
        runs.update(event.run);
        return;
      }
      steps ??= all.create(event.steps, 0, { label: "steps", detail: "" });
      steps.update(event.step, { detail: `${event.algorithm}, ${printable(event.target)} held out${seedOf(event.seed)}, loss ${event.loss.toFixed(3)}` });
    },
    stop() {
      all.stop();
    },
  };
}

function lines(stream: NodeJS.WriteStream, seedOf: SeedText): Progress {
  return {
    show(event) {
      if (event.type !== "run") return;
      const { algorithm, target, seed, accuracy, medianStepSeconds } = event.record;
      stream.write(`[${event.run}/${event.runs}] ${algorithm}, ${printable(target)} held out${seedOf(seed)}: accuracy ${(100 * accuracy).toFixed(1)}%, ${(1000 * medianStepSeconds).toFixed(1)} ms/step\n`);
    },
    stop() {},
  };
}

/** @param options `showsSeeds`: where a comparison has several */
export function makeProgress(stream: NodeJS.WriteStream, { showsSeeds }: { showsSeeds: boolean }): Progress {
  const seedOf: SeedText = (seed) => (showsSeeds ? `, seed ${seed}` : "");
  return stream.isTTY ? bars(stream, seedOf) : lines(stream, seedOf);
}

export interface ImagesProgress {
  readonly show: (done: number, total: number) => void;
  stop(): void;
  /** In words. */
  state(): string;
}

/**
 * A bar on a terminal, elsewhere a line after each tenth.
 *
 * @param what is done with images, such as "images decoded"
 */
export function showImages(stream: NodeJS.WriteStream, what: string): ImagesProgress {
  const bar = stream.isTTY
    ? new cliProgress.SingleBar({ format: "images {bar} {value}/{total}", clearOnComplete: true, hideCursor: true, stream }, cliProgress.Presets.shades_grey)
    : undefined;
  let state = `no ${what}`;
  let begun = false;
  return {
    show(done, total) {
      state = `${done} of ${total} ${what}`;
      if (bar === undefined) {
        if (Math.floor((10 * done) / total) > Math.floor((10 * (done - 1)) / total)) stream.write(`[${done}/${total}] ${what}\n`);
      } else if (begun) bar.update(done);
      else bar.start(total, done);
      begun = true;
    },
    stop: () => bar?.stop(),
    state: () => state,
  };
}

/**
 * A line when a download begins, and one after each tenth where its length is known. Nothing for what is in the cache.
 *
 * @param what is fetched, such as "the weights of resnet18"
 */
export function showDownload(stream: NodeJS.WriteStream, what: string): (progress: DownloadProgress) => void {
  let tenths = -1;
  return ({ received, total }) => {
    const reached = total === null ? 0 : Math.floor((10 * received) / total);
    // A try that broke off begins anew.
    if (reached === tenths || (total === null && tenths >= 0)) return;
    stream.write(tenths < 0 && received !== total ? `Fetching ${what}${total === null ? "" : `, ${megabytes(total)} MB`}\n` : `[${megabytes(received)}/${megabytes(total ?? received)} MB] ${what}\n`);
    tenths = reached;
  };
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
