import { describe, expect, it } from "vitest";
import { PASSED, runFixture } from "./child.js";

describe.each(["", "system"])("DGSAM_MALLOC=%s", (DGSAM_MALLOC) => {
  it.each(["alignment", "stress", "stress in two workers"])("%s", { timeout: 120_000 }, async (name) => {
    expect(await runFixture("allocator", { args: [name], env: { DGSAM_MALLOC }, timeout: 110_000 })).toEqual(PASSED);
  });
});

it.each(["recycling", "holes between small blocks", "workers give back what they recycled"])("%s", { timeout: 120_000 }, async (name) => {
  expect(await runFixture("allocator", { args: [name], timeout: 110_000 })).toEqual(PASSED);
});
