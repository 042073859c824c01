import { spawn } from "node:child_process";
import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { assertTools } from "../../install/build.mjs";
import { installModules, modulesInstalled } from "../../install/modules.mjs";
import { RELEASE, ROOT } from "../../install/record.mjs";
import { hashInputs } from "../../install/stamp.mjs";
import { makeCommands, onPlatform, temporaryFolder } from "./fakes.js";

const script = (name: string) => path.join(ROOT, "install", name);

/** Runs a script of install/ to its end. */
function start(name: string, args: string[] = []): Promise<{ status: number | null; output: string }> {
  const child = spawn(process.execPath, [...args, script(name)], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, output })));
}

describe("the set-up of this clone", () => {
  // `npm test` has done it before; while sources are being edited this brings it up to date.
  beforeAll(async () => expect(await start("setup.mjs")).toMatchObject({ status: 0 }), 1_200_000);

  it("does nothing and says nothing the second time", async () => {
    const files = [path.join(RELEASE, "dgsam.node"), path.join(ROOT, "dist/index.js"), path.join(ROOT, "node_modules/.package-lock.json")];
    const before = files.map((file) => statSync(file).mtimeMs);
    expect(await start("setup.mjs")).toEqual({ status: 0, output: "" });
    expect(files.map((file) => statSync(file).mtimeMs)).toEqual(before);
  });

  it("can run twice at once", async () => {
    const both = await Promise.all([start("setup.mjs"), start("setup.mjs")]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
  });
});

it.each(["setup.mjs", "install.mjs", "build.mjs"])("%s refuses another platform in one message, with status 1", async (name) => {
  const { status, output } = await start(name, onPlatform("win32"));
  expect(status).toBe(1);
  expect(output).toMatch(/^dgsam: dgsam runs on linux-x64-glibc; this is win32-x64\.\nWhat helps:\n.*docker run.*\n$/);
});

describe("modulesInstalled", () => {
  const lock = { "": { dependencies: { a: "1.0.0" }, devDependencies: { b: "2.0.0" } }, "node_modules/a": { version: "1.0.0" }, "node_modules/b": { version: "2.0.0" }, "node_modules/c": { version: "3.0.0", optional: true } };
  function clone(installed: object | null, manifest: object = lock[""]): string {
    const root = temporaryFolder();
    writeFileSync(path.join(root, "package.json"), JSON.stringify(manifest));
    writeFileSync(path.join(root, "package-lock.json"), JSON.stringify({ packages: lock }));
    mkdirSync(path.join(root, "node_modules"));
    if (installed !== null) writeFileSync(path.join(root, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
    return root;
  }
  const { "": _, "node_modules/c": optional, ...complete } = lock;
  it("is true when npm installed all that the lockfile asks for, with or without what is optional", () => {
    expect(modulesInstalled(clone(complete))).toBe(true);
    expect(modulesInstalled(clone({ ...complete, "node_modules/c": optional }))).toBe(true);
  });
  it.each<[string, object | null, object?]>([
    ["nothing is installed", null],
    ["one is missing", { "node_modules/a": lock["node_modules/a"] }],
    ["one has another version", { ...complete, "node_modules/b": { version: "2.0.1" } }],
    ["an optional one has another version", { ...complete, "node_modules/c": { version: "3.0.1" } }],
    ["package.json asks for more than the lockfile", complete, { dependencies: { a: "1.0.0", d: "1.0.0" }, devDependencies: { b: "2.0.0" } }],
  ])("is false when %s", (_, installed, manifest) => expect(modulesInstalled(clone(installed, manifest))).toBe(false));
});

it("modules of no readable note are not installed", () => {
  const root = temporaryFolder();
  mkdirSync(path.join(root, "node_modules"));
  writeFileSync(path.join(root, "node_modules/.package-lock.json"), "{");
  expect(modulesInstalled(root)).toBe(false);
});

it.each([{ NODE_ENV: "production" }, { npm_config_omit: "dev" }])("installModules brings what a clone compiles with, also under %o", async (setting) => {
  const root = temporaryFolder();
  const manifest = { name: "clone", version: "1.0.0", devDependencies: { compiler: "file:compiler" } };
  mkdirSync(path.join(root, "compiler"));
  writeFileSync(path.join(root, "compiler/package.json"), JSON.stringify({ name: "compiler", version: "1.0.0" }));
  writeFileSync(path.join(root, "package.json"), JSON.stringify(manifest));
  const packages = { "": manifest, compiler: { version: "1.0.0", dev: true }, "node_modules/compiler": { resolved: "compiler", link: true } };
  writeFileSync(path.join(root, "package-lock.json"), JSON.stringify({ name: "clone", version: "1.0.0", lockfileVersion: 3, requires: true, packages }));
  await installModules(root, () => {}, { ...process.env, ...setting });
  expect(existsSync(path.join(root, "node_modules/compiler/package.json"))).toBe(true);
});

describe("assertTools", () => {
  it("accepts this machine", () => expect(() => assertTools(process.env)).not.toThrow());
  it("names every tool that is missing, and how to install them", () => {
    const env = { PATH: makeCommands({}, ["cmake"]) };
    expect(() => assertTools(env)).toThrow(expect.objectContaining({
      code: "ERR_ADDON",
      message: expect.stringMatching(/needed and not in PATH: a C\+\+ compiler \(c\+\+, g\+\+, clang\+\+\); Ninja or Make \(ninja, make\)\.[^]*apt-get install g\+\+ cmake ninja-build/),
    }));
  });
});

describe("hashInputs", () => {
  it("changes with the content, the name and the number of files, and with further facts", () => {
    const root = temporaryFolder();
    const hash = (facts: string[] = []) => hashInputs(root, ["folder", "absent"], facts);
    mkdirSync(path.join(root, "folder"));
    const seen = [hash()];
    for (const [name, text] of [["a", "1"], ["a", "2"], ["b", "2"]] as const) {
      writeFileSync(path.join(root, "folder", name), text);
      seen.push(hash());
    }
    seen.push(hash(["fact"]), hash(["other fact"]));
    expect(new Set(seen).size).toBe(seen.length);
    expect(hash()).toBe(seen[3]);
  });
});

