/**
 * What is written in TypeScript and not compiled to dist/ has no type errors: the type tests beside this file, which hold what the
 * types promise and forbid, and all other tests with the examples, which vitest and examples/run.mjs run without checking.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");

test.each([["the type tests", "tsconfig.json"], ["all other tests and the examples", "../tsconfig.json"]])("tsc accepts %s", { timeout: 180_000 }, (_, config) => {
  const { stdout, status } = spawnSync(process.execPath, [tsc, "-p", fileURLToPath(new URL(config, import.meta.url)), "--pretty", "false"], { encoding: "utf8" });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});
