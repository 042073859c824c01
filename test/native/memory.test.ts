import { spawnSync } from "node:child_process";
import { expect, it } from "vitest";
import { PASSED, runFixture } from "./child.js";

it.each([
  "a million scoped adds",
  "garbage collection",
  "external memory",
  "storages that change under their tensors",
  "out of memory",
  "a training step that runs out of memory",
  "a backward pass that fails",
  "what an asynchronous scope leaves behind",
  "failed calls",
])("%s", { timeout: 90_000 }, async (name) => {
  expect(await runFixture("memory", { args: [name], nodeArgs: ["--expose-gc"] })).toEqual(PASSED);
});

// Needs /proc and util-linux's prlimit.
const canLimit = process.platform === "linux" && spawnSync("prlimit", ["--version"]).status === 0;
it.runIf(canLimit).each(["collecting when memory runs out", "a step over captured functions when memory runs out"])("%s", { timeout: 90_000 }, async (name) => {
  expect(await runFixture("memory", { args: [name] })).toEqual(PASSED);
});

it.runIf(canLimit)("a collector that the program has, too", async () => {
  expect(await runFixture("memory", { args: ["a collector that the program has, too"], nodeArgs: ["--expose-gc"] })).toEqual(PASSED);
});
