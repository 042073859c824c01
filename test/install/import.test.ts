/** What importing the package says where its addon or LibTorch is missing or wrong. It runs the compiled package, copied. */
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readRecord } from "../../install/record.mjs";
import { copyPackage, makeLibTorch, onPlatform, temporaryFolder } from "./fakes.js";

/** Imports the package in a process of its own and tells what it threw. */
function importPackage(folder: string, nodeOptions: string[] = []): { name: string; code: string; message: string } | null {
  const script = `import("./dist/index.js").then(() => console.log("null"), ({ name, code, message }) => console.log(JSON.stringify({ name, code, message })));`;
  const { stdout, stderr } = spawnSync(process.execPath, [...nodeOptions, "--eval", script], { cwd: folder, encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout) as ReturnType<typeof importPackage>;
}

const built = (root: string, version: string, abi = "cxx11") => ({ libtorch: { root, lib: `${root}/lib`, version, variant: "cpu", abi, source: "pip" }, tried: [], cuda: { reason: "" }, compiler: "", node: "", hash: "", outputs: { "dgsam.node": { size: 5, sha256: "" }, "libdgsam_ops.so": { size: 5, sha256: "" } } });

describe("without a build, importing throws ERR_ADDON", () => {
  it("that names the command to run the install script, which works whatever npm allows", () => {
    const folder = copyPackage();
    expect(importPackage(folder)).toMatchObject({
      name: "DgsamError",
      code: "ERR_ADDON",
      message: expect.stringMatching(new RegExp(`^the native addon of dgsam has not been built; run: node ${folder}/install/install\\.mjs\\. .*npm approve-scripts dgsam.*npx dgsam doctor$`)),
    });
  });
  it.each(["", "garbage", "null", "{}", JSON.stringify({ libtorch: {} }), JSON.stringify({ ...built("/x", "2.13.0"), outputs: {} }), JSON.stringify({ ...built("/x", "2.13.0"), cuda: {} })])("also where its record is %o", (text) => {
    const folder = copyPackage({ record: {} });
    writeFileSync(path.join(folder, "build/Release/dgsam-build.json"), text);
    expect(importPackage(folder)).toMatchObject({ name: "DgsamError", code: "ERR_ADDON", message: expect.stringMatching(/^the native addon of dgsam has not been built; /) });
  });
  it("that names the set-up in a clone, where npx would run the install script first", () => {
    const error = importPackage(copyPackage({ clone: true }));
    expect(error).toMatchObject({ code: "ERR_ADDON", message: expect.stringMatching(/run: npm run setup\. .*npm run dgsam -- doctor$/) });
    expect(error!.message).not.toContain("npx");
  });
});

it("on an unsupported platform, importing throws ERR_PLATFORM", () => {
  expect(importPackage(copyPackage(), onPlatform("win32"))).toMatchObject({ name: "DgsamError", code: "ERR_PLATFORM", message: expect.stringContaining("dgsam runs on linux-x64-glibc; this is win32-x64.") });
});

describe("with a build, importing throws ERR_LIBTORCH, before anything is opened, when its LibTorch", () => {
  const failure = (record: object) => importPackage(copyPackage({ record }));
  it("is gone", () => {
    expect(failure(built("/nowhere/torch", "2.13.0+cpu"))).toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringMatching(/^the LibTorch 2\.13\.0\+cpu that the addon was built against is not usable any more: \/nowhere\/torch: no LibTorch headers.*; run: node .*install\.mjs/) });
  });
  it("is of another version now", () => {
    const root = makeLibTorch(temporaryFolder(), { headers: "2.12.1", version: "2.12.1+cpu" });
    expect(failure(built(root, "2.13.0+cpu"))).toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringContaining(`built against LibTorch 2.13.0+cpu (cxx11), but ${root} now holds 2.12.1+cpu (cxx11)`) });
  });
  it("has the old C++ ABI now", () => {
    const root = makeLibTorch(temporaryFolder(), { abi: "pre-cxx11", version: "2.13.0+cpu" });
    expect(failure(built(root, "2.13.0+cpu"))).toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringContaining("old C++ ABI") });
  });
});

describe("with a record, importing throws ERR_ADDON with the remedy when the addon", () => {
  const { libtorch } = readRecord()!;
  const files = ["dgsam.node", "libdgsam_ops.so"];
  const failure = (contents: (string | null)[]) => {
    const folder = copyPackage({ record: built(libtorch.root, libtorch.version) });
    files.forEach((name, index) => contents[index] === null || writeFileSync(path.join(folder, "build/Release", name), contents[index]!));
    const error = importPackage(folder)!;
    expect(error).toMatchObject({ code: "ERR_ADDON", message: expect.stringMatching(/; run: node .*install\.mjs/) });
    return error.message;
  };
  it("is missing", () => expect(failure([null, "12345"])).toMatch(/^the native addon is damaged: \S+\/dgsam\.node is missing; /));
  it("was cut off, before opening it could end the process", () => {
    expect(failure(["1234", "12345"])).toMatch(/^the native addon is damaged: \S+\/dgsam\.node has 4 bytes, and 5 were built; /);
    expect(failure(["12345", ""])).toMatch(/^the native addon is damaged: \S+\/libdgsam_ops\.so has 0 bytes, and 5 were built; /);
  });
  it("is garbage: with the loader's reason", () => expect(failure(["12345", "12345"])).toMatch(/^the native addon does not load: .*(file too short|invalid ELF header)/));
});
