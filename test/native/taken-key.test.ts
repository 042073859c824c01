import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { readRecord } from "../../install/record.mjs";
import { PASSED, runFixture } from "./child.js";

// Another copy of the addon takes it, and so may versions of LibTorch.
it.runIf(process.platform === "linux")("where the dispatch key is taken, captured functions run as they are", { timeout: 120_000 }, async () => {
  const { root, lib } = readRecord()!.libtorch;
  const folder = mkdtempSync(path.join(tmpdir(), "dgsam-taken-key-"));
  try {
    const addon = path.join(folder, "taken_key.node");
    const source = fileURLToPath(new URL("./fixtures/taken_key.cc", import.meta.url));
    const headers = [`-I${root}/include`, `-I${root}/include/torch/csrc/api/include`];
    const libraries = [`-L${lib}`, "-ltorch_cpu", "-lc10", `-Wl,-rpath,${lib}`];
    const { status, stderr } = spawnSync(process.env["CXX"] || "c++", ["-std=c++20", "-w", "-fPIC", "-shared", ...headers, source, "-o", addon, ...libraries], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(await runFixture("taken-key", { args: [addon], nodeArgs: ["--no-warnings"] })).toEqual(PASSED);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
