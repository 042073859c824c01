import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  assertSupportedNode, assertSupportedPlatform, compareVersions, currentHost, findNvidiaDriver, platformName, wantedVariant, type Host,
} from "../../install/platform.mjs";
import { LINUX, temporaryFolder } from "./fakes.js";

describe("assertSupportedPlatform", () => {
  it("accepts Linux x64 with glibc, which is where these tests run", () => {
    expect(() => assertSupportedPlatform(LINUX, {})).not.toThrow();
    expect(platformName(currentHost())).toBe("linux-x64-glibc");
  });

  const refused: Host[] = [
    { platform: "win32", arch: "x64", libc: null },
    { platform: "linux", arch: "x64", libc: "musl" },
    { platform: "linux", arch: "ia32", libc: "glibc" },
    { platform: "darwin", arch: "x64", libc: null },
  ];
  it.each(refused.map((host) => [platformName(host), host] as const))("refuses %s, also when untested platforms are asked for", (name, host) => {
    for (const env of [{}, { DGSAM_UNTESTED_PLATFORM: "1" }])
      expect(() => assertSupportedPlatform(host, env)).toThrow(expect.objectContaining({ code: "ERR_PLATFORM", message: expect.stringContaining(`this is ${name}.`) }));
  });

  it.each<[string, Host]>([
    ["darwin-arm64", { platform: "darwin", arch: "arm64", libc: null }],
    ["linux-arm64-glibc", { platform: "linux", arch: "arm64", libc: "glibc" }],
  ])("refuses %s, names the switch, and accepts it with the switch", (name, host) => {
    expect(() => assertSupportedPlatform(host, {})).toThrow(expect.objectContaining({ code: "ERR_PLATFORM", message: expect.stringMatching(new RegExp(`this is ${name}[^]*DGSAM_UNTESTED_PLATFORM=1 npm install`)) }));
    expect(() => assertSupportedPlatform(host, { DGSAM_UNTESTED_PLATFORM: "1" })).not.toThrow();
  });
});

describe("assertSupportedNode", () => {
  it("refuses a Node older than 20.19 and says how to get another", () => {
    expect(() => assertSupportedNode("20.18.3")).toThrow(expect.objectContaining({ code: "ERR_PLATFORM", message: expect.stringMatching(/needs Node 20\.19\.0 or newer; this is Node 20\.18\.3\.[^]*nvm install/) }));
  });
  it.each(["20.19.0", "22.4.1", "26.0.0-nightly"])("accepts %s", (version) => expect(() => assertSupportedNode(version)).not.toThrow());
});

describe("findNvidiaDriver", () => {
  const machine = (files: Record<string, string>) => {
    const root = temporaryFolder();
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
      writeFileSync(path.join(root, name), text);
    }
    return findNvidiaDriver(root);
  };
  it("reads the version of the kernel module, closed and open", () => {
    expect(machine({ "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.90.07  Fri May 31\n" })).toEqual({ version: "550.90.07" });
    expect(machine({ "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n" })).toEqual({ version: "580.65.06" });
  });
  it("sees a driver without a version in containers and under WSL", () => {
    expect(machine({ "dev/nvidiactl": "" })).toEqual({ version: null });
    expect(machine({ "usr/lib/wsl/lib/libcuda.so.1": "" })).toEqual({ version: null });
  });
  it("is null without a driver", () => expect(machine({})).toBeNull());
});

describe("wantedVariant", () => {
  it.each([
    ["cpu", null],
    ["cu130", { version: "580.65.06" }],
    ["cu126", { version: "550.90.07" }],
    ["cu130", { version: null }],
  ])("%s for the driver %o", (variant, driver) => expect(wantedVariant(driver, {})).toBe(variant));
  it.each([
    ["cu130", "580.65.06", ["9.0"]],
    ["cu126", "580.65.06", ["7.0"]],
    ["cu130", "580.65.06", ["7.0", "12.0", "12.0"]],
    ["cu126", "580.65.06", ["7.0", "9.0", "9.0"]],
    ["cpu", "570.1", ["10.0"]],
    ["cu126", "570.1", ["9.0", "10.0"]],
    ["cpu", "470.1", ["8.0"]],
    ["cpu", "470.1", []],
    ["cu130", "580.65.06", ["[N/A]"]],
  ])("%s for the driver %s and GPUs of %o", (variant, version, capabilities) =>
    expect(wantedVariant({ version }, {}, capabilities.map((capability) => ({ name: "GPU", capability })))).toBe(variant));
  it("is what DGSAM_LIBTORCH_VARIANT says, whatever the driver", () => {
    expect(wantedVariant({ version: "580" }, { DGSAM_LIBTORCH_VARIANT: "cpu" })).toBe("cpu");
    expect(wantedVariant(null, { DGSAM_LIBTORCH_VARIANT: "cu126" })).toBe("cu126");
  });
  it("refuses another value of DGSAM_LIBTORCH_VARIANT", () => {
    expect(() => wantedVariant(null, { DGSAM_LIBTORCH_VARIANT: "gpu" })).toThrow(expect.objectContaining({ code: "ERR_LIBTORCH", message: 'DGSAM_LIBTORCH_VARIANT: expected "cpu" or a CUDA build such as "cu130", got "gpu".' }));
  });
});

it("compareVersions compares numbers, not letters, and leaves suffixes out", () => {
  expect(compareVersions("2.9.0", "2.13.0")).toBeLessThan(0);
  expect(compareVersions("2.13.0+cpu", "2.13.0")).toBe(0);
  expect(compareVersions("580.65.06", "580")).toBeGreaterThan(0);
});
