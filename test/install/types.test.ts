/** install/ is plain Node, run before anything is installed; its types stand in comments and are checked here. */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

it("install/ has no type errors", { timeout: 180_000 }, () => {
  const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
  const { stdout, status } = spawnSync(process.execPath, [tsc, "-p", fileURLToPath(new URL("tsconfig.json", import.meta.url)), "--pretty", "false"], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
