import { expect, it } from "vitest";
import { PASSED, runFixture } from "./child.js";

it("four workers train at once and end bit for bit where the main thread does", { timeout: 90_000 }, async () => {
  expect(await runFixture("four-workers")).toEqual(PASSED);
});

it("four workers record and replay at once and end bit for bit where the main thread does without", { timeout: 90_000 }, async () => {
  expect(await runFixture("capturing-workers")).toEqual(PASSED);
});

it("handles and copied tensors of another worker are refused with the remedy", { timeout: 90_000 }, async () => {
  expect(await runFixture("foreign-handles")).toEqual(PASSED);
});

it("terminate() in the middle of a native call is clean, 20 times", { timeout: 180_000 }, async () => {
  expect(await runFixture("terminate", { nodeArgs: ["--no-warnings"], timeout: 170_000 })).toEqual(PASSED);
});

it("300 workers in turn leak nothing and revive no handle", { timeout: 240_000 }, async () => {
  expect(await runFixture("many-workers", { timeout: 230_000 })).toEqual(PASSED);
});
