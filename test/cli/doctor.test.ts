import { spawnSync } from "node:child_process";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { copyPackage, onPlatform } from "../install/fakes.js";

describe("the command", () => {
  const doctor = (folder: string, args: string[], nodeOptions: string[] = []) =>
    spawnSync(process.execPath, [...nodeOptions, path.join(folder, "dist/cli/main.js"), "doctor", ...args], { encoding: "utf8" });

  it("works without an addon: exit status 1, and the report names the remedy", () => {
    const folder = copyPackage();
    const json = doctor(folder, ["--json"]);
    expect(json.status).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({ ok: false, addon: { loads: false, built: null }, runtime: null, findings: [{ kind: "error", text: expect.stringContaining("install/install.mjs") }] });
    const text = doctor(folder, []);
    expect(text.status).toBe(1);
    expect(text.stdout).toMatch(/^addon +does not load, not built, [^]*^Problem: the native addon of dgsam has not been built; [^]*\nSomething does not work; see above\.\n$/m);
  });

  it("works on an unsupported platform", () => {
    const { status, stdout } = doctor(copyPackage(), [], onPlatform("win32"));
    expect(status).toBe(1);
    expect(stdout).toContain("Problem: dgsam runs on linux-x64-glibc; this is win32-x64.");
  });
});
