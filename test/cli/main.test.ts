/** What all commands share: help, misspellings, and that none is loaded but the one that is asked for. */
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { copyPackage } from "../install/fakes.js";

const CLONE = fileURLToPath(new URL("../..", import.meta.url));
const run = (folder: string, ...args: string[]) => spawnSync(process.execPath, [path.join(folder, "dist/cli/main.js"), ...args], { encoding: "utf8", timeout: 60_000, env: { ...process.env, DGSAM_DEBUG: "" } });

test("without a command it lists them and fails", () => {
  const { status, stderr } = run(CLONE);
  expect(stderr).toMatch(/^Usage: dgsam [^]*\n {2}compare [^]*\n {2}doctor [^]*\n {2}parity /);
  expect(status).toBe(1);
});

test.each([[["--help"]], [["help"]]])("%j lists them and succeeds", (args) => {
  const { status, stdout } = run(CLONE, ...args);
  expect(stdout).toMatch(/^Usage: dgsam [^]*\n {2}compare /);
  expect(status).toBe(0);
});

test.each([[["compare", "--help"]], [["help", "compare"]]])("%j explains the command's options and algorithms", (args) => {
  const { status, stdout } = run(CLONE, ...args);
  expect(stdout).toMatch(/^Usage: dgsam compare [^]*--rho <radius>[^]*\(default: 0\.05[^]*\n {2}DGSAM +climbs domain by domain/);
  expect(status).toBe(0);
});

test("help is wrapped and shows defaults as they are typed", () => {
  const { stdout } = run(CLONE, "compare", "--help");
  expect(stdout.replace(/\s+/g, " ")).toMatch(/--algorithms .*\(default: ERM,SAM,DGSAM\).* --out .*\(default: results\)/);
  // Lines are broken where they are full, and only there.
  const description = stdout.split("\n\n")[1]!.split("\n");
  for (const [index, line] of description.slice(0, -1).entries()) expect(line.length + 1 + description[index + 1]!.split(" ")[0]!.length).toBeGreaterThan(80);
});

test.each([["doctor"], ["compare", "--help"]])("output that cannot be written is one line: %s", (...args) => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [path.join(CLONE, "dist/cli/main.js"), ...args], { encoding: "utf8", timeout: 60_000, stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  expect(stderr).toBe("dgsam: cannot write to standard output: ENOSPC: no space left on device, write\n");
  expect(status).toBe(1);
});

test("a reader of standard output that leaves early is no news", async () => {
  const child = spawn(process.execPath, [path.join(CLONE, "dist/cli/main.js"), "doctor"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  expect(await new Promise((resolve) => child.on("close", resolve))).toBe(1);
  expect(stderr).toBe("");
});

test("--version is the package's", () => expect(run(CLONE, "--version").stdout).toBe("0.1.0\n"));

test.each([["compere", /^error: unknown command 'compere'\n\(Did you mean compare\?\)\n$/], ["--jason", /unknown option '--jason'/], ["toString", /unknown command/]])("%s is refused", (word, text) => {
  const { status, stderr } = run(CLONE, word);
  expect(stderr).toMatch(text);
  expect(status).toBe(1);
});

test("without an addon help works, and a command that needs it says in one line what to do", () => {
  const folder = copyPackage();
  expect(run(folder, "--help")).toMatchObject({ status: 0, stdout: expect.stringContaining("compare") as string });
  const { status, stderr } = run(folder, "compare");
  expect(stderr).toMatch(/^dgsam: the native addon of dgsam has not been built; .*\n$/);
  expect(status).toBe(1);
});
