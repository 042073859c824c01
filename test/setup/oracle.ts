/**
 * Lets all tests know the Python that they compare with: `DGSAM_PYTHON` is its interpreter afterwards, unset without one.
 * DGSAM_REQUIRE_ORACLE=1, which .ci/run sets, makes a missing oracle an error.
 */

import { findOracle } from "../oracles/environment.mjs";

export default async function setup(): Promise<void> {
  try {
    process.env["DGSAM_PYTHON"] = await findOracle();
  } catch (error) {
    if (process.env["DGSAM_REQUIRE_ORACLE"] === "1") throw error;
    console.warn(`No PyTorch to compare with: tests against it are skipped (${(error as Error).message})`);
    delete process.env["DGSAM_PYTHON"];
  }
}
