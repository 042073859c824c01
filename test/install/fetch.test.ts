import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Archive } from "../../install/archives.mjs";
import { archive as officialArchive } from "../../install/archives.mjs";
import { cachedLibTorch } from "../../install/cache.mjs";
import { fetchLibTorch } from "../../install/fetch.mjs";
import type { Attempt } from "../../install/find.mjs";
import { run, which } from "../../install/run.mjs";
import { LINUX, makeArchive, makeCommands, makeLibTorch, makeWheel, mountSmallDisk, pythonWithPip, temporaryFolder } from "./fakes.js";

/** Answers "no match" as pip does, on what it prints errors. */
const NO_MATCH = 'echo "ERROR: No matching distribution found for torch" >&2; exit 1';

/** A machine with an empty cache, whose pip does `onPip`. */
function machine(onPip: string | null, { archive = null as Archive | null, commands: more = {} as Record<string, string> } = {}) {
  const folder = temporaryFolder();
  const pipLog = path.join(folder, "pip.log");
  const commands = makeCommands({ ...(onPip === null ? {} : { python3: pythonWithPip(pipLog, onPip) }), ...more }, "cmake" in more ? [] : ["cmake"]);
  const env: NodeJS.ProcessEnv = { PATH: commands, XDG_CACHE_HOME: path.join(folder, "cache") };
  const tried: Attempt[] = [];
  const logged: string[] = [];
  return {
    folder, env, tried, logged,
    pipCalls: () => (existsSync(pipLog) ? readFileSync(pipLog, "utf8").trim().split("\n") : []),
    /** What lies in the cache: finished folders, and what should not be there. */
    cached: () => readdirSync(path.dirname(cachedLibTorch(env, "cpu").folder)),
    /** `onStart` is called when the place for the fetch has been made sure of. */
    fetch: (variant = "cpu", onStart = () => {}) => fetchLibTorch({ variant, env, tried, host: LINUX, archive, log: (line) => (logged.push(line), onStart()) }),
  };
}

/** Serves files on this machine, each under its name. */
async function serve(files: Record<string, Buffer>): Promise<string> {
  const server = createServer((request, response) => {
    const file = files[request.url!.slice(1)];
    response.statusCode = file === undefined ? 404 : 200;
    response.end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

describe("a CPU build", () => {
  const cpu = { version: "2.13.0+cpu" };

  it("comes from pip with the user's settings, as a wheel that only a CPU build can be", async () => {
    const { fetch, pipCalls, tried, cached, env } = machine(`cp "${makeWheel(cpu)}" "$wheels"`);
    const libtorch = await fetch();
    expect(libtorch).toMatchObject({ version: "2.13.0+cpu", variant: "cpu", source: "pip", root: path.join(cachedLibTorch(env, "cpu").folder, "torch") });
    expect(pipCalls()).toHaveLength(1);
    expect(pipCalls()[0]).toMatch(/^download --quiet --no-deps --only-binary=:all: --dest \S+ torch==2\.13\.0\+cpu$/);
    expect(tried).toEqual([{ place: "pip", outcome: "used", detail: cachedLibTorch(env, "cpu").folder }]);
    expect(cached()).toEqual(["2.13.0-cpu"]);
    expect(readdirSync(cachedLibTorch(env, "cpu").folder).sort()).toEqual(["dgsam-libtorch.json", "torch", "torch.dist-info"]);
  });

  it("comes from PyTorch's CPU index where the user's has none", async () => {
    const { fetch, pipCalls, tried } = machine(`case "$all" in *--index-url*) cp "${makeWheel(cpu)}" "$wheels" ;; *) ${NO_MATCH} ;; esac`);
    expect(await fetch()).toMatchObject({ source: "pip with PyTorch's CPU index" });
    expect(pipCalls()[1]).toContain("--index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu");
    expect(tried[0]).toEqual({ place: "pip", outcome: "failed", detail: "No matching distribution found for torch" });
  });

  it("comes as the official archive where no pip helps, its hash checked", async () => {
    const zip = readFileSync(makeArchive({ buildVersion: "2.13.0+cpu" }));
    const url = `${await serve({ "libtorch.zip": zip })}/libtorch.zip`;
    const { fetch, tried, cached } = machine(null, { archive: { url, sha256: createHash("sha256").update(zip).digest("hex") } });
    expect(await fetch()).toMatchObject({ version: "2.13.0+cpu", source: "official archive" });
    expect(tried.map(({ place, outcome }) => `${place}: ${outcome}`)).toEqual(["pip: failed", "pip with PyTorch's CPU index: failed", "official archive: used"]);
    expect(tried[0]!.detail).toBe("no python3 or python with pip in PATH");
    expect(cached()).toEqual(["2.13.0-cpu"]);
  });

  it("is fetched once by two installs at once", async () => {
    const { fetch, pipCalls, logged } = machine(`cp "${makeWheel(cpu)}" "$wheels"`);
    const [one, two] = await Promise.all([fetch(), fetch()]);
    expect(pipCalls()).toHaveLength(1);
    expect([one.source, two.source].sort()).toEqual(["cache", "pip"]);
    expect(logged.filter((line) => line.includes("waiting for it"))).toHaveLength(1);
  });

  it("takes the place of a damaged folder in the cache", async () => {
    const { fetch, cached, env } = machine(`cp "${makeWheel(cpu)}" "$wheels"`);
    const { root } = await fetch();
    rmSync(path.join(root, "lib/libc10.so"));
    expect(await fetch()).toMatchObject({ source: "pip", root });
    expect(existsSync(path.join(root, "lib/libc10.so"))).toBe(true);
    expect(cached()).toEqual(["2.13.0-cpu"]);
    expect(cachedLibTorch(env, "cpu").libtorch).toBe(root);
  });

  it.each<[string, (root: string) => void]>([
    ["a library was cut off", (root) => truncateSync(path.join(root, "lib/libtorch_cpu.so"), 1000)],
    ["its record is not readable", (root) => writeFileSync(path.join(root, "../dgsam-libtorch.json"), "garbage")],
    ["its record is empty", (root) => writeFileSync(path.join(root, "../dgsam-libtorch.json"), "{}")],
  ])("is fetched anew where %s in the cache", async (_, damage) => {
    const { fetch, pipCalls } = machine(`cp "${makeWheel(cpu)}" "$wheels"`);
    const { root } = await fetch();
    expect(await fetch()).toMatchObject({ source: "cache" });
    damage(root);
    expect(await fetch()).toMatchObject({ source: "pip", root });
    expect(pipCalls()).toHaveLength(2);
    expect(statSync(path.join(root, "lib/libtorch_cpu.so")).size).toBe(4096);
  });
});

describe("nothing half-made stays in the cache, and the error shows all that was tried, when", () => {
  async function refused(at: ReturnType<typeof machine>, reasons: (string | RegExp)[]) {
    const error = await at.fetch().then(() => null, (reason: Error & { code: string }) => reason);
    expect(error).toMatchObject({ name: "InstallError", code: "ERR_LIBTORCH" });
    expect(error!.message).toMatch(/^LibTorch 2\.13\.0 \(cpu\) was neither found nor could it be fetched\./);
    expect(at.tried.map(({ outcome }) => outcome)).toEqual(reasons.map(() => "failed"));
    reasons.forEach((reason, index) => expect(at.tried[index]!.detail).toMatch(reason));
    for (const { place, detail } of at.tried) expect(error!.message).toContain(`  ${place}: failed, ${detail}`);
    for (const remedy of ["python3 -m pip install torch==2.13.0", "export DGSAM_LIBTORCH=", "Then run the same command again."]) expect(error!.message).toContain(remedy);
    expect(at.cached()).toEqual([]);
  }

  it("no source has it", () => refused(machine(NO_MATCH), ["No matching distribution found for torch", "No matching distribution found for torch"]));

  it("the index cannot be reached: pip's warning says why", () => {
    const warning = `WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) after connection broken by 'NewConnectionError("HTTPConnection(host=127.0.0.1, port=9): Failed to establish a new connection: [Errno 111] Connection refused")': /simple/torch/`;
    const reason = /^No matching distribution found for torch \(connection broken by 'NewConnectionError\(.*Connection refused"\)': \/simple\/torch\/\)$/;
    const pip = `cat >&2 <<'END'\nWARNING: The directory is not writable.\n${warning}\nERROR: Could not find a version that satisfies the requirement torch (from versions: none)\nERROR: No matching distribution found for torch\nEND\nexit 1`;
    return refused(machine(pip), [reason, reason]);
  });

  it("pip delivers a CUDA build after all", () => {
    const cuda = makeWheel({ version: "2.13.0", cuda: "13.0" });
    return refused(machine(`cp "${cuda}" "$wheels"`), [/^expected 2\.13\.0 \(cpu\), got 2\.13\.0 \(cu130\)$/, /cu130/]);
  });

  it("pip delivers another version", () =>
    refused(machine(`cp "${makeWheel({ headers: "2.12.0", version: "2.12.0+cpu" })}" "$wheels"`), [/^expected 2\.13\.0 \(cpu\), got 2\.12\.0\+cpu \(cpu\)$/, /2\.12\.0/]));

  it("the wheel is cut off", async () => {
    const whole = readFileSync(makeWheel({ version: "2.13.0+cpu" }));
    const cut = path.join(temporaryFolder(), "torch-cut.whl");
    writeFileSync(cut, whole.subarray(0, whole.length / 2));
    await refused(machine(`cp "${cut}" "$wheels"`), [/^torch-cut\.whl is damaged: ./, /^torch-cut\.whl is damaged/]);
  });

  it("a byte in the wheel is wrong", async () => {
    const bytes = readFileSync(makeWheel({ version: "2.13.0+cpu" }));
    // In the middle of a library: names and sizes are as they should be, the content is not.
    const name = "lib/libtorch_cpu.so";
    bytes[bytes.indexOf(name) + name.length + 2000]! ^= 0xff;
    const damaged = path.join(temporaryFolder(), "torch-damaged.whl");
    writeFileSync(damaged, bytes);
    await refused(machine(`cp "${damaged}" "$wheels"`), [/^torch-damaged\.whl is damaged: .*CRC/, /^torch-damaged\.whl is damaged/]);
  });

  it("the wheel's list does not fit: a file is missing, another is short, a library's content differs, there is no list", async () => {
    const spoiled = (spoil: (folder: string) => void) => `cp "${makeWheel({ version: "2.13.0+cpu" }, spoil)}" "$wheels"`;
    const library = (folder: string) => path.join(folder, "torch/lib/libtorch_cpu.so");
    const cases: [(folder: string) => void, RegExp][] = [
      [(folder) => rmSync(library(folder)), /^torch-2\.13\S+whl is damaged: torch\/lib\/libtorch_cpu\.so is missing$/],
      [(folder) => writeFileSync(path.join(folder, "torch/version.py"), ""), /is damaged: torch\/version\.py has 0 bytes instead of \d+$/],
      [(folder) => writeFileSync(library(folder), Buffer.alloc(4096)), /is damaged: the sha256 of torch\/lib\/libtorch_cpu\.so is wrong$/],
      [(folder) => rmSync(path.join(folder, "torch.dist-info/RECORD")), /is damaged: it has no RECORD$/],
    ];
    for (const [spoil, reason] of cases) await refused(machine(spoiled(spoil)), [reason, reason]);
  });

  it("cmake says anything at all, although its status is 0", () => {
    const cmake = `${which("cmake")!} "$@"; echo "cmake -E tar: warning: unknown warning" >&2`;
    return refused(machine(`cp "${makeWheel({ version: "2.13.0+cpu" })}" "$wheels"`, { commands: { cmake } }), [/^torch-2\.13\S+whl is damaged: warning: unknown warning$/, /damaged/]);
  });

  it("the archive's hash is wrong, or the server has none", async () => {
    const zip = readFileSync(makeArchive({ buildVersion: "2.13.0+cpu" }));
    const server = await serve({ "libtorch.zip": zip });
    const sha256 = "0".repeat(64);
    await refused(machine(null, { archive: { url: `${server}/libtorch.zip`, sha256 } }), [/no python3/, /no python3/, /damaged download, its SHA-256 is [0-9a-f]{64} instead of 0{64}$/]);
    await refused(machine(null, { archive: { url: `${server}/none.zip`, sha256 } }), [/no python3/, /no python3/, /none\.zip: .*HTTP/]);
  });
});

it("a download that stands still is given up, and no file stays", async () => {
  const server = createServer((_, response) => void response.writeHead(200, { "content-length": "1000" }).write("some"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => (server.closeAllConnections(), void server.close()));
  const file = path.join(temporaryFolder(), "file");
  const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/file`;
  const script = fileURLToPath(new URL("../../install/download.cmake", import.meta.url));
  const { ok, stderr } = await run("cmake", [`-DURL=${url}`, "-DSHA256=0", `-DFILE=${file}`, "-DPATIENCE=2", "-P", script]);
  expect(ok).toBe(false);
  expect(stderr).toMatch(/error: http:\S+\/file: .*timeout/i);
  expect(existsSync(file)).toBe(false);
});

it("a full disk ends the fetch at once, with its own error and nothing left", async () => {
  const at = machine('echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device" >&2; exit 1');
  await expect(at.fetch()).rejects.toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringMatching(/^The disk of .* is full\.[^]*export XDG_CACHE_HOME=/) });
  expect(at.pipCalls()).toHaveLength(1);
  expect(at.cached()).toEqual([]);
});

// CMake ends with status 0 where the disk is full, and says nothing of it.
it.each([
  ["blocks", "size=16k"],
  ["inodes", "size=4m,nr_inodes=9"],
])("a disk that runs out of %s while the wheel is unpacked is told so, and nothing is left", async (_, options) => {
  const at = machine(`cp "${makeWheel({ version: "2.13.0+cpu" })}" "$wheels"`);
  let mounted = false;
  const error = await at.fetch("cpu", () => (mounted = mountSmallDisk(path.dirname(cachedLibTorch(at.env, "cpu").folder), options))).then(() => null, (reason: unknown) => reason);
  if (!mounted) return;
  expect(error).toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringMatching(/^The disk of .* is full\.[^]*export XDG_CACHE_HOME=/) });
  expect(at.pipCalls()).toHaveLength(1);
  expect(at.cached()).toEqual([]);
});

describe("a CUDA build", () => {
  const install = (folder: string) => `cp -r "${folder}" "$packages"`;
  const cuda = (version: string, toolkit: string | null) => makeLibTorch(path.join(temporaryFolder(), "torch"), { version, cuda: toolkit });

  it("comes with its packages by pip, as exactly the version that the package index has CUDA 13.0 builds of", async () => {
    const at = machine(install(cuda("2.13.0+cu130", "13.0")));
    expect(await at.fetch("cu130")).toMatchObject({ variant: "cu130", source: "pip", root: path.join(cachedLibTorch(at.env, "cu130").folder, "packages/torch") });
    expect(at.pipCalls()[0]).toMatch(/^install --quiet --only-binary=:all: --target \S+ torch===2\.13\.0$/);
    expect(at.pipCalls()[0]).not.toContain("--no-deps");
  });

  it("comes from PyTorch's index of that CUDA version otherwise", async () => {
    const at = machine(install(cuda("2.13.0+cu126", "12.6")));
    expect(await at.fetch("cu126")).toMatchObject({ variant: "cu126", source: "pip with PyTorch's cu126 index" });
    expect(at.pipCalls()[0]).toContain("--extra-index-url https://download.pytorch.org/whl/cu126 torch==2.13.0+cu126");
  });

  it("is not replaced by a CPU build, and the error names the way to do without", async () => {
    const at = machine(install(cuda("2.13.0+cpu", null)));
    await expect(at.fetch("cu130")).rejects.toMatchObject({ code: "ERR_LIBTORCH", message: expect.stringMatching(/expected 2\.13\.0 \(cu130\), got 2\.13\.0\+cpu \(cpu\)[^]*export DGSAM_LIBTORCH_VARIANT=cpu/) });
    expect(at.cached()).toEqual([]);
  });
});

it("the official archive's address and hash are known for Linux x64; Linux on other processors has none", () => {
  expect(officialArchive(LINUX)).toEqual({ url: "https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(officialArchive({ ...LINUX, arch: "arm64" })).toBeNull();
});
