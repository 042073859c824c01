/** Captures are of their thread: workers compute on the same device meanwhile, and capture in turn. */
import { expect, test } from "vitest";
import { PASSED, runFixture } from "../native/child.js";
import { describeWithNvcc } from "./support.js";

const device = "cuda:0";

describeWithNvcc("workers beside captures", () => {
  test("come to what each comes to alone, and so do those that capture", { timeout: 180_000 }, async () => {
    expect(await runFixture("../../cuda/fixtures/workers-beside-captures", { args: [device], timeout: 170_000 })).toEqual(PASSED);
  });
});
