/** Commands that ask a driver, which may hang. */

import { execFile } from "node:child_process";

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @param {number} milliseconds
 * @returns {Promise<string>}
 */
export function outputWithin(command, args, env, milliseconds) {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env }, (error, stdout, stderr) => {
      clearTimeout(timer);
      if (error === null) resolve(stdout);
      else reject(Object.assign(error, { stderr }));
    });
    const timer = setTimeout(() => {
      // Where a driver hangs, its user cannot even be ended: it is left behind then.
      child.kill("SIGKILL");
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.unref();
      reject(new Error(`${command} does not answer`));
    }, milliseconds);
  });
}
