import { expect, it } from "vitest";
import { PASSED, runFixture } from "./child.js";

it("numbers that are no living handle are refused by every use", { timeout: 90_000 }, async () => {
  expect(await runFixture("forged-handles")).toEqual(PASSED);
});

it("every native entry answers wrong arguments with a DgsamError", { timeout: 90_000 }, async () => {
  expect(await runFixture("wrong-arguments")).toEqual(PASSED);
});

it.each(["1", "2"])("30,000 random call frames (seed %s) give results or DgsamErrors and hold on to nothing", { timeout: 120_000 }, async (seed) => {
  // LibTorch warns of the odd arguments.
  expect(await runFixture("fuzzed-frames", { args: [seed, "30000"], nodeArgs: ["--no-warnings"], timeout: 110_000 })).toEqual(PASSED);
});
