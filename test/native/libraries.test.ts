import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { hasTorch, python } from "../reference/oracle.js";
import { runFixture } from "./child.js";

const release = fileURLToPath(new URL("../../build/Release/", import.meta.url));
const operators = `${release}libdgsam_ops.so`;

// Two copies keep two thread pools that fight over the cores, and fork and exit badly.
it.runIf(process.platform === "linux")("one OpenMP run-time and one LibTorch serve the addon and the operators", async () => {
  const { code, stdout, stderr } = await runFixture("libraries");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const { runtimes, libtorch, norm } = JSON.parse(stdout) as { runtimes: string[]; libtorch: string[]; norm: number };
  expect(runtimes).toHaveLength(1);
  expect(libtorch).toHaveLength(1);
  // The square root of 2^20, for standard normal numbers.
  expect(norm).toBeGreaterThan(1020);
  expect(norm).toBeLessThan(1028);
});

it("the operator library needs no Node", () => {
  expect(readdirSync(release)).toContain("libdgsam_ops.so");
  const { status, stdout } = spawnSync("nm", ["-D", "--undefined-only", operators], { encoding: "utf8" });
  expect(status).toBe(0);
  expect(stdout).toContain("at");
  expect(stdout.split("\n").filter((line) => /napi_|node_|_ZN2v8/.test(line))).toEqual([]);
  // The control: the addon does need it.
  expect(spawnSync("nm", ["-D", "--undefined-only", `${release}dgsam.node`], { encoding: "utf8" }).stdout).toContain("napi_");
});

it.runIf(hasTorch)("Python's torch loads the operator library and calls it", () => {
  const program = [
    "import sys, torch",
    "torch.ops.load_library(sys.argv[1])",
    "print(torch.ops.dgsam.global_norm([torch.tensor([3.0]), torch.tensor([4.0])]).item())",
  ].join("\n");
  const { status, stdout, stderr } = spawnSync(python, ["-c", program, operators], { encoding: "utf8" });
  expect({ status, stdout, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stdout: "5.0\n", stderr: "" });
});
