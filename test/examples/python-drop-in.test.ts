/** The drop-in for Python: it trains, it is the oracle's DGSAM, and what goes wrong is told in plain words. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { hasTorch, python } from "../reference/oracle.js";

const file = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const operators = file("build/Release/libdgsam_ops.so");

function run(script: string, args: string[] = [], environment: Record<string, string> = {}): { status: number | null; stdout: string; stderr: string } {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: "1", OMP_NUM_THREADS: "1", ...environment };
  return spawnSync(python, [file(script), ...args], { encoding: "utf8", env });
}

const REPORT = /^(SAM|DGSAM): loss (\d\.\d+) -> (\d\.\d+)((?:\n +\d+ degrees(?: \(never seen\))?: accuracy \d+\.\d%){4})\n/;

function expectTrained(stdout: string, name: string): void {
  expect(stdout).toMatch(REPORT);
  const [, algorithm, first, last, lines] = REPORT.exec(stdout)!;
  expect(algorithm).toBe(name);
  expect(Number(first)).toBeGreaterThan(2);
  expect(Number(last)).toBeLessThan(0.4);
  const accuracies = [...lines!.matchAll(/(\d+\.\d)%/g)].map(([, accuracy]) => Number(accuracy));
  for (const accuracy of accuracies.slice(0, 3)) expect(accuracy).toBeGreaterThan(85);
  // Ten digits: guessing gives 10%.
  expect(accuracies[3]).toBeGreaterThan(40);
}

describe.runIf(hasTorch)("examples/python-drop-in", { timeout: 300_000 }, () => {
  test("the script as it was trains with SAM", () => {
    const { status, stdout, stderr } = run("examples/python-drop-in/train_sam.py");
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expectTrained(stdout, "SAM");
  });

  test("the same script trains with DGSAM and tells the ratio of times", () => {
    const { status, stdout, stderr } = run("examples/python-drop-in/train_dgsam.py", [operators]);
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expectTrained(stdout, "DGSAM");
    expect(stdout).toMatch(/\ntime of a DGSAM step \/ of a SAM step: \d+\.\d\d \(4 gradients against 6\)\n$/);
  });

  test("its DGSAM passes its checks against the oracle's", () => {
    const { status, stdout, stderr } = run("test/oracles/check_drop_in.py", [operators]);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m);
  });

  test.each([
    [["/nowhere/libdgsam_ops.so"], {}, /^\/nowhere\/libdgsam_ops\.so: there is no such library; build it as README\.md says, or name it in DGSAM_OPS\n$/],
    [[], { DGSAM_OPS: "/nowhere/else.so" }, /^\/nowhere\/else\.so: there is no such library; .*\n$/],
    [[file("package.json")], {}, /^\S+\/package\.json: torch 2\.\S+ cannot load it: .+\n$/],
  ])("%j with %j is one line", (args, environment, text) => {
    const { status, stdout, stderr } = run("examples/python-drop-in/train_dgsam.py", args, environment);
    expect(stderr).toMatch(text);
    expect(stdout).toBe("");
    expect(status).toBe(1);
  });
});
