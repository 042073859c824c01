/** The Python whose JAX is measured: an environment in the cache, beside that of the tests. */

import { spawnSync } from "node:child_process";
import { virtualEnvironment } from "../test/oracles/virtual-environment.mjs";

const VERSION = "0.10.2";

/** Its folder in the cache. */
export const JAX_ENVIRONMENT = `jax-${VERSION}`;

/** @param {string} python */
function works(python) {
  const { status, stdout } = spawnSync(python, ["-c", "import jax; print(jax.__version__)"], { encoding: "utf8" });
  return status === 0 && stdout.trim() === VERSION;
}

/**
 * Finds or makes it.
 *
 * @returns {Promise<string>} its interpreter
 * @throws {Error} saying why there is none
 */
export function findJax() {
  return virtualEnvironment(JAX_ENVIRONMENT, works, (pip) => pip(`jax==${VERSION}`));
}
