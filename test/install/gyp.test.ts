/** `node-gyp rebuild`, which npm runs where a tool calls it instead of our install script, must do the same build. */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { ROOT } from "../../install/record.mjs";
import { which } from "../../install/run.mjs";
import { temporaryFolder } from "./fakes.js";

// node-gyp comes with npm; the headers come with most Nodes, and without them node-gyp would download them.
const prefix = path.dirname(path.dirname(process.execPath));
const nodeGyp = path.join(path.dirname(path.dirname(realpathSync(which("npm")!))), "node_modules/node-gyp/bin/node-gyp.js");
const possible = existsSync(nodeGyp) && existsSync(path.join(prefix, "include/node/node_api.h"));

it.skipIf(!possible)("binding.gyp runs install/build.mjs in the package's folder, and compiles nothing itself", { timeout: 120_000 }, () => {
  const folder = temporaryFolder();
  copyFileSync(path.join(ROOT, "binding.gyp"), path.join(folder, "binding.gyp"));
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "dgsam", version: "0.0.0" }));
  writeFileSync(path.join(folder, "CMakeLists.txt"), "");
  mkdirSync(path.join(folder, "install"));
  // Stands in for the build, which takes minutes.
  writeFileSync(path.join(folder, "install/build.mjs"), `
    import { mkdirSync, writeFileSync } from "node:fs";
    mkdirSync("build/Release", { recursive: true });
    writeFileSync("build/Release/dgsam-build.json", process.cwd());`);
  const { status, stdout, stderr } = spawnSync(process.execPath, [nodeGyp, "rebuild", "--nodedir", prefix], { cwd: folder, encoding: "utf8" });
  expect(status, stdout + stderr).toBe(0);
  expect(readFileSync(path.join(folder, "build/Release/dgsam-build.json"), "utf8")).toBe(realpathSync(folder));
});
