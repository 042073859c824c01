import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { assertRoom, cacheFolder, isDiskFull, makeFolder } from "../../install/cache.mjs";
import { asUnknownUser, temporaryFolder } from "./fakes.js";

describe("cacheFolder", () => {
  it("is dgsam in XDG_CACHE_HOME, else in ~/.cache", () => {
    expect(cacheFolder({ XDG_CACHE_HOME: "/somewhere", HOME: "/home/a" })).toBe("/somewhere/dgsam");
    expect(cacheFolder({ HOME: "/home/a" })).toBe("/home/a/.cache/dgsam");
    expect(cacheFolder({})).toBe(path.join(homedir(), ".cache/dgsam"));
  });
  it("is an error with the remedy for a user without a home folder", () => {
    const script = `
      const { cacheFolder } = await import(${JSON.stringify(new URL("../../install/cache.mjs", import.meta.url).href)});
      try { cacheFolder({}); } catch ({ code, message }) { console.log(JSON.stringify({ code, message })); }`;
    const stdout = asUnknownUser(script);
    if (stdout === null) return;
    expect(JSON.parse(stdout)).toEqual({ code: "ERR_LIBTORCH", message: expect.stringMatching(/^There is no folder for the cache: HOME is not set, and this user has no home folder\.\nWhat helps:\n.*export XDG_CACHE_HOME=/) });
  });
  it("passes over an XDG_CACHE_HOME that is empty or relative, as the specification says", () => {
    for (const XDG_CACHE_HOME of ["", "cache"]) expect(cacheFolder({ XDG_CACHE_HOME, HOME: "/home/a" })).toBe("/home/a/.cache/dgsam");
  });
});

describe("makeFolder", () => {
  const fill = async (staging: string) => {
    writeFileSync(path.join(staging, "file"), "whole");
    return "result";
  };

  it("makes a folder, readable by others, and returns what fill returned", async () => {
    const parent = temporaryFolder();
    const folder = path.join(parent, "deep", "folder");
    expect(await makeFolder(folder, fill)).toBe("result");
    expect(readFileSync(path.join(folder, "file"), "utf8")).toBe("whole");
    expect(readdirSync(path.dirname(folder))).toEqual(["folder"]);
  });

  it("leaves nothing when fill throws, and the place is not there while fill is at work", async () => {
    const parent = temporaryFolder();
    const folder = path.join(parent, "folder");
    await expect(makeFolder(folder, async (staging) => {
      await fill(staging);
      expect(existsSync(folder)).toBe(false);
      throw new Error("half way");
    })).rejects.toThrow("half way");
    expect(readdirSync(parent)).toEqual([]);
  });

  it("clears away what a killed install of this machine left, and nothing of others", async () => {
    const parent = temporaryFolder();
    for (const name of [`.staging-folder-${hostname()}-abc`, ".staging-folder-elsewhere-abc"]) mkdirSync(path.join(parent, name));
    await makeFolder(path.join(parent, "folder"), fill);
    expect(readdirSync(parent).sort()).toEqual([".staging-folder-elsewhere-abc", "folder"]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)("leaves nothing after %s, and ends with its status", async (signal) => {
    const parent = temporaryFolder();
    const script = `
      const { makeFolder } = await import(${JSON.stringify(new URL("../../install/cache.mjs", import.meta.url).href)});
      await makeFolder(${JSON.stringify(path.join(parent, "folder"))}, async () => {
        console.log("filling");
        await new Promise((resolve) => setTimeout(resolve, 60000));
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    expect(readdirSync(parent)).toHaveLength(1);
    child.kill(signal);
    const [status] = await once(child, "exit");
    expect(status).toBe(signal === "SIGINT" ? 130 : 143);
    expect(readdirSync(parent)).toEqual([]);
  });

  it("ends the commands at work before it clears away, also those that were not signalled", async () => {
    const parent = temporaryFolder();
    const module = (name: string) => JSON.stringify(new URL(`../../install/${name}`, import.meta.url).href);
    // A command and one that it started write on until they are ended.
    const writing = `i=0; while [ $i -lt 5000 ]; do i=$((i+1)); mkdir -p "$0/$i"; echo x > "$0/$i/file"; done`;
    const script = `
      const { makeFolder } = await import(${module("cache.mjs")});
      const { run } = await import(${module("run.mjs")});
      await makeFolder(${JSON.stringify(path.join(parent, "folder"))}, async (staging) => {
        console.log("filling");
        await run("sh", ["-c", 'sh -c "$1" "$0/inner" & sh -c "$1" "$0/outer"', staging, ${JSON.stringify(writing)}]);
        console.log("went on");
      });`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    await expect.poll(() => readdirSync(parent, { recursive: true }).length).toBeGreaterThan(100);
    child.kill("SIGTERM");
    const [status] = await once(child, "exit");
    expect([status, output]).toEqual([143, "filling\n"]);
    expect(readdirSync(parent)).toEqual([]);
  });

  it("says what is wrong with a folder that cannot be made", async () => {
    const file = path.join(temporaryFolder(), "file");
    writeFileSync(file, "");
    await expect(makeFolder(path.join(file, "folder"), fill)).rejects.toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringMatching(/could not be made: .*(ENOTDIR|EEXIST)[^]*export XDG_CACHE_HOME=/) });
  });

  it("tells a full disk from other failures of the file system", async () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC", syscall: "write" });
    const folder = path.join(temporaryFolder(), "folder");
    await expect(makeFolder(folder, () => Promise.reject(full))).rejects.toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringContaining(`The disk of ${folder} is full.`), cause: full });
  });
});

describe("assertRoom", () => {
  it("asks the disk of the nearest folder that exists", () => {
    const parent = temporaryFolder();
    const asked: string[] = [];
    assertRoom(path.join(parent, "a", "b"), 100, (folder) => (asked.push(folder), 100));
    expect(asked).toEqual([parent]);
  });
  it("names the room that is needed, the room there is, and the remedy", () => {
    expect(() => assertRoom("/", 1.5e9, () => 0.25e9)).toThrow(expect.objectContaining({ code: "ERR_LIBTORCH", message: expect.stringMatching(/needs 1\.5 GB in \/, but only 0\.3 GB are free\.[^]*export XDG_CACHE_HOME=/) }));
  });
  it("has room for a byte on this machine's disk", () => expect(() => assertRoom(temporaryFolder(), 1)).not.toThrow());
});

it.each([
  ["[Errno 28] No space left on device", true],
  ["ENOSPC: no space left on device, write", true],
  ["Disk quota exceeded", true],
  ["No matching distribution found", false],
])("isDiskFull(%o) is %s", (text, full) => expect(isDiskFull(text)).toBe(full));
