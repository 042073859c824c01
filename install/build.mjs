import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { writeFileSync, readFileSync } from "node:fs";
import os from "node:os";
const root = fileURLToPath(new URL("..", import.meta.url));
const libtorch = process.env["DGSAM_LIBTORCH"];
const cmakeJs = createRequire(import.meta.url).resolve("cmake-js/bin/cmake-js");
for (const args of [["configure", `--CDDGSAM_LIBTORCH=${libtorch}`], ["build", "--parallel", String(os.availableParallelism())]]) {
  const { status } = spawnSync(process.execPath, [cmakeJs, ...args], { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}
