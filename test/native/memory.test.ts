import { expect, it } from "vitest";
import { PASSED, runFixture } from "./child.js";

it.each([
  "a million scoped adds",
  "garbage collection",
  "external memory",
  "storages that change under their tensors",
  "out of memory",
  "what an asynchronous scope leaves behind",
  "failed calls",
])("%s", { timeout: 90_000 }, async (name) => {
  expect(await runFixture("memory", { args: [name], nodeArgs: ["--expose-gc"] })).toEqual(PASSED);
});
