/** Makes the recording of PyTorch's operator calls, once for a version of the scripts. */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPTS = fileURLToPath(new URL("../oracles/operators", import.meta.url));

// test/setup/oracle.ts sets it; without an oracle it is unset.
const python = process.env["DGSAM_PYTHON"];

export const hasOracle = python !== undefined && python !== "";

function fingerprint(): string {
  const hash = createHash("sha256");
  for (const name of readdirSync(SCRIPTS).filter((each) => each.endsWith(".py")).sort()) hash.update(readFileSync(path.join(SCRIPTS, name)));
  return hash.update(python!).digest("hex").slice(0, 16);
}

/** The folder of the recording; takes about 40 s when it is not there yet. */
export function recordingFolder(): string {
  const folder = path.join(os.tmpdir(), `dgsam-operators-${fingerprint()}`);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const { status, signal, stderr } = spawnSync(python!, ["-W", "ignore", path.join(SCRIPTS, "record.py"), unfinished], {
    cwd: unfinished, // some operators write files
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) {
    rmSync(unfinished, { recursive: true });
    throw new Error(`record.py failed with ${signal ?? `status ${status}`}: ${stderr}`);
  }
  renameSync(unfinished, folder);
  return folder;
}
