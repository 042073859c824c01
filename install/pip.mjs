/** Downloads and installs by pip, with the user's own index and mirrors. */

import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { diskFull, isDiskFull } from "./cache.mjs";
import { findPip, lastLine } from "./python.mjs";
import { run } from "./run.mjs";

/**
 * Runs pip with the user's own settings, but for those that would put files elsewhere than asked.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} staging
 * @param {string[]} args
 * @param {AbortSignal} [signal]
 */
export async function pip(env, staging, args, signal) {
  const python = await findPip(env);
  if (python === null) throw new Error("no python3 or python with pip in PATH");
  // What pip unpacks on the way can be larger than the disk of /tmp.
  const temporary = path.join(staging, "tmp");
  mkdirSync(temporary);
  const settings = { TMPDIR: temporary, PIP_USER: "0", PIP_REQUIRE_VIRTUALENV: "0", PIP_DISABLE_PIP_VERSION_CHECK: "1" };
  const result = await run(python, ["-m", "pip", ...args], { env: { ...env, ...settings }, signal });
  rmSync(temporary, { recursive: true, force: true });
  signal?.throwIfAborted();
  if (!result.ok) throw failure(result, staging);
}

/**
 * Why a command failed.
 * @param {import("./run.mjs").CommandResult} result
 * @param {string} folder
 */
export function failure({ stderr, reason }, folder) {
  // A full disk matters more than a command's last words.
  if (isDiskFull(stderr)) return diskFull(folder);
  const lines = stderr.split("\n").map((line) => line.trim());
  const error = (lines.findLast((line) => /\berror: /i.test(line)) ?? (lastLine(stderr) || reason)).replace(/^error: /i, "");
  // To pip an index that cannot be reached has no matching distribution; its warnings tell what was the matter.
  const warning = lines.findLast((line) => /^warning: .*\b(connection|could not|timed out|SSL)\b/i.test(line))?.replace(/^warning: (Retrying \(Retry\(.*?\)\) after )?/i, "");
  return new Error(warning === undefined ? error : `${error} (${warning})`);
}
