/** What all commands share: help, misspellings, and that none is loaded but the one that is asked for. */
import { spawnSync } from "node:child_process";
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
  expect(stdout).toMatch(/^Usage: dgsam compare [^]*--rho <radius>[^]*\(default: 0\.02\)[^]*\n {2}DGSAM +climbs domain by domain/);
  expect(status).toBe(0);
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
