import { mkdirSync, truncateSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { cachedLibTorch, writeRecord } from "../../install/cache.mjs";
import { findLibTorch } from "../../install/find.mjs";
import { makeCommands, makeLibTorch, temporaryFolder } from "./fakes.js";

/** A machine that has LibTorch everywhere; `without` takes places away. */
function machine({ without = [] as string[], env = {} as NodeJS.ProcessEnv, python = { version: "2.12.1+cpu", headers: "2.12.1" } } = {}) {
  const folder = temporaryFolder();
  const at = (name: string) => path.join(folder, name);
  makeLibTorch(at("named"));
  makeLibTorch(at("site-packages/torch"), python);
  makeLibTorch(at("system"), { headers: "2.11.0" });
  const torch = without.includes("python") ? null : at("site-packages/torch");
  const commands = makeCommands({ python3: `echo '${JSON.stringify({ executable: "/fake/bin/python3", identity: "fake", torch })}'` });
  const all: NodeJS.ProcessEnv = { PATH: commands, XDG_CACHE_HOME: at("cache"), ...env };
  if (!without.includes("cache")) {
    const cached = cachedLibTorch(all, "cpu").folder;
    mkdirSync(cached, { recursive: true });
    makeLibTorch(path.join(cached, "torch"), { version: "2.13.0+cpu" });
    writeRecord(cached, { libtorch: "torch", version: "2.13.0+cpu", variant: "cpu", from: "pip" });
  }
  const systemFolders = without.includes("system") ? [at("empty")] : [at("system")];
  return { at, find: (more: NodeJS.ProcessEnv = {}, variant = "cpu") => findLibTorch({ variant, env: { ...all, ...more }, systemFolders }) };
}

describe("the order", () => {
  it("is DGSAM_LIBTORCH, LIBTORCH, Python, system, cache", async () => {
    const { at, find } = machine();
    const one = await find({ DGSAM_LIBTORCH: at("named"), LIBTORCH: at("system") });
    expect(one.found).toMatchObject({ source: "DGSAM_LIBTORCH", root: at("named") });
    expect((await find({ DGSAM_LIBTORCH: "", LIBTORCH: at("system") })).found).toMatchObject({ source: "LIBTORCH", root: at("system") });
    expect((await find()).found).toMatchObject({ source: "python3", version: "2.12.1+cpu" });
    expect((await machine({ without: ["python"] }).find()).found).toMatchObject({ source: "system", version: "2.11.0" });
    expect((await machine({ without: ["python", "system"] }).find()).found).toMatchObject({ source: "cache", version: "2.13.0+cpu" });
  });

  it("notes every place that was looked at, and nothing after the one that is used", async () => {
    const { at, find } = machine({ without: ["python", "system", "cache"] });
    const { found, tried } = await find();
    expect(found).toBeNull();
    expect(tried).toEqual([
      { place: "DGSAM_LIBTORCH, LIBTORCH", outcome: "not set", detail: "" },
      { place: "python3", outcome: "has no torch", detail: "/fake/bin/python3" },
      { place: "system", outcome: "has none", detail: at("empty") },
      { place: "cache", outcome: "has none", detail: at("cache/dgsam/libtorch/2.13.0-cpu") },
    ]);
    expect((await machine().find()).tried.map(({ outcome }) => outcome)).toEqual(["not set", "used"]);
  });
});

it.each([
  ["a folder that does not exist", (at: (name: string) => string) => at("nowhere"), "no such folder"],
  ["a folder without LibTorch", (at: (name: string) => string) => at("site-packages"), "no LibTorch headers in include/torch"],
])("%s in DGSAM_LIBTORCH is an error, although others could be used", async (_, value, reason) => {
  const { at, find } = machine();
  await expect(find({ DGSAM_LIBTORCH: value(at) })).rejects.toMatchObject({
    code: "ERR_LIBTORCH",
    message: expect.stringMatching(new RegExp(`^DGSAM_LIBTORCH names no usable LibTorch\\. ${value(at)}: ${reason}[^]*unset DGSAM_LIBTORCH$`)),
  });
});

it("a relative DGSAM_LIBTORCH counts from where npm was called, else from the current folder; errors show the whole path", async () => {
  const { at, find } = machine();
  expect((await find({ DGSAM_LIBTORCH: "named/", INIT_CWD: at("") })).found).toMatchObject({ root: at("named"), lib: at("named/lib") });
  expect((await find({ DGSAM_LIBTORCH: path.relative(process.cwd(), at("named")) })).found).toMatchObject({ root: at("named") });
  await expect(find({ DGSAM_LIBTORCH: "../nowhere", INIT_CWD: at("named") })).rejects.toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringContaining(`${at("nowhere")}: no such folder`) });
});

it("a Python torch that is too old is passed over, and the reason is noted", async () => {
  const { at, find } = machine({ python: { version: "2.4.1", headers: "2.4.1" } });
  const { found, tried } = await find();
  expect(found).toMatchObject({ source: "system" });
  expect(tried).toContainEqual({ place: "python3", outcome: "not usable", detail: `${at("site-packages/torch")}: version 2.4.1 is too old, 2.7.0 or newer is supported` });
});

it("a Python that fails is noted with its last words", async () => {
  const commands = makeCommands({ python3: "echo 'ImportError: broken' >&2; exit 1" });
  const { found, tried } = await machine().find({ PATH: commands });
  expect(found).toMatchObject({ source: "system" });
  expect(tried).toContainEqual({ place: "python3", outcome: "failed", detail: "ImportError: broken" });
});

it("the same interpreter under two names is asked about once", async () => {
  const script = `echo '{"executable": "/fake/bin/python3", "identity": "fake", "torch": null}'`;
  const { tried } = await machine().find({ PATH: makeCommands({ python3: script, python: script }) });
  expect(tried.filter(({ outcome }) => outcome === "has no torch")).toHaveLength(1);
});

it("a cache whose library was cut off is passed over, and the reason is noted", async () => {
  const { at, find } = machine({ without: ["python", "system"] });
  const root = at("cache/dgsam/libtorch/2.13.0-cpu/torch");
  truncateSync(path.join(root, "lib/libtorch_cpu.so"), 1000);
  const { found, tried } = await find();
  expect(found).toBeNull();
  expect(tried.at(-1)).toEqual({ place: "cache", outcome: "not usable", detail: `${root}: torch/lib/libtorch_cpu.so is damaged: it has 1000 bytes instead of 4096` });
});

it("a CPU build in the cache is not used where a CUDA build is wanted", async () => {
  const { found, tried } = await machine({ without: ["python", "system"] }).find({}, "cu130");
  expect(found).toBeNull();
  expect(tried.at(-1)).toMatchObject({ place: "cache", outcome: "has none" });
});
