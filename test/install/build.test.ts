/** When a build is done and when it is left out, with a stand-in for the compiler: pack.test.ts does a real build. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { makeBuildablePackage, temporaryFolder } from "./fakes.js";

type Package = ReturnType<typeof makeBuildablePackage>;

const built = async (at: Package, count: number) => {
  const { status, output } = await at.start().ended;
  expect([status, at.builds()], output).toEqual([0, count]);
  for (const name of ["dgsam.node", "libdgsam_ops.so"]) expect(readFileSync(path.join(at.release, name), "utf8")).toBe(`built: ${name}`);
  return output;
};

it("a second build does nothing and says nothing", async () => {
  const at = makeBuildablePackage();
  expect(await built(at, 1)).toMatch(/^Building the addon against LibTorch 2\.13\.0 in /);
  expect(await built(at, 1)).toBe("");
});

describe("a build is done again, which says why, when a file of it", () => {
  it.each(["dgsam.node", "libdgsam_ops.so"].flatMap((name) => [
    [name, "is missing", null, `${name} is missing`],
    [name, "is empty", "", `${name} has 0 bytes, and ${7 + name.length} were built`],
    [name, "is garbage of the same size", "x".repeat(7 + name.length), `${name} is not the file that was built`],
  ] as const))("%s %s", async (name, _, content, reason) => {
    // In a clone, whose objects stay: there Ninja takes a newer file for up to date.
    const at = makeBuildablePackage({ clone: true });
    await built(at, 1);
    const file = path.join(at.release, name);
    if (content === null) rmSync(file);
    else writeFileSync(file, content);
    expect(await built(at, 2)).toMatch(new RegExp(`^The addon is damaged: \\S.*/build/Release/${reason}\n`));
    expect(await built(at, 2)).toBe("");
  });
});

it.each(["garbage", "{}", "null"])("a build is done again when its record is %s", async (text) => {
  const at = makeBuildablePackage();
  await built(at, 1);
  writeFileSync(path.join(at.release, "dgsam-build.json"), text);
  await built(at, 2);
});

describe("a build that does not come to its end leaves no record, and the next one starts afresh, when it", () => {
  const halfWay = async (how: string, end: (started: ReturnType<Package["start"]>) => Promise<void>) => {
    const at = makeBuildablePackage({ clone: true });
    await built(at, 1);
    writeFileSync(path.join(at.folder, "native/addon.cc"), "// changed");
    const started = at.start({ FAKE_BUILD: how });
    await expect.poll(at.builds, { timeout: 10_000 }).toBe(2);
    await end(started);
    expect(readdirSync(at.release)).toEqual(["libdgsam_ops.so"]);
    // Also when the sources are again those of the first build.
    writeFileSync(path.join(at.folder, "native/addon.cc"), "// nothing");
    await built(at, 3);
  };
  it("fails", () => halfWay("fail", async ({ ended }) => expect(await ended).toEqual({ status: 1, output: expect.stringMatching(/dgsam: The addon could not be built \(cmake-js build\):[^]*it does not compile[^]*Then run the same command again\.\n$/) })));
  it("is interrupted", () => halfWay("hang", async ({ child, ended }) => {
    child.kill("SIGTERM");
    expect((await ended).status).toBe(143);
  }));
});

it("what was compiled on the way stays in a clone, and goes from an installed package", async () => {
  for (const clone of [true, false]) {
    const at = makeBuildablePackage({ clone });
    await built(at, 1);
    expect(existsSync(path.join(at.folder, "build/cmake"))).toBe(clone);
  }
});

it("build.mjs builds also where its path leads through a link", async () => {
  const at = makeBuildablePackage();
  const link = path.join(temporaryFolder(), "link");
  symlinkSync(at.folder, link);
  const { status, output } = await at.start({}, path.join(link, "install/build.mjs")).ended;
  expect([status, at.builds()], output).toEqual([0, 1]);
});

it.each([[true, "npm run setup"], [false, "npm install"]])("without its modules a build says so and what to do (clone: %s)", async (clone, command) => {
  const at = makeBuildablePackage({ clone, modules: false });
  expect(await at.start().ended).toEqual({ status: 1, output: `dgsam: cmake-js and node-addon-api, which build the addon, are not installed.\nWhat helps:\n  ${command}\n` });
});

it("a build uses the LibTorch that a relative path names, from where npm was called", async () => {
  const at = makeBuildablePackage();
  const { DGSAM_LIBTORCH } = at.env;
  const elsewhere = path.join(path.dirname(DGSAM_LIBTORCH), "some/where");
  mkdirSync(elsewhere, { recursive: true });
  const { status, output } = await at.start({ DGSAM_LIBTORCH: path.relative(elsewhere, DGSAM_LIBTORCH) + "/", INIT_CWD: elsewhere }).ended;
  expect(status, output).toBe(0);
  expect(JSON.parse(readFileSync(path.join(at.release, "dgsam-build.json"), "utf8"))).toMatchObject({ libtorch: { root: DGSAM_LIBTORCH, lib: `${DGSAM_LIBTORCH}/lib` } });
});
