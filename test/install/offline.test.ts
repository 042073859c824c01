/**
 * The offline bundle: what goes in, and that its script keeps each part's result whatever becomes of the others. Packing a whole one
 * takes minutes and fetches CMake: DGSAM_TEST_BUNDLE=1 does it, and builds and tries it without network.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it, test } from "vitest";
import { isRead, neededModules } from "../../install/offline/contents.mjs";
import { ROOT, readRecord } from "../../install/record.mjs";
import { which } from "../../install/run.mjs";

const SCRIPT = path.join(ROOT, "install/offline/run.sh");
const NAME = "dgsam-offline-linux-x64";
const PARTS = ["build", "doctor", "parity", "cuda-tests", "cuda-memory", "bench-kernels", "bench-steps", "bench-compiled", "bench-memory", "tests"];
const scratch = mkdtempSync(path.join(os.tmpdir(), "dgsam-offline-test-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe("modules", () => {
  it("are what the package and its tests need, and no other tools", () => {
    const { packages } = JSON.parse(readFileSync(path.join(ROOT, "package-lock.json"), "utf8")) as { packages: Record<string, object> };
    const names = [...neededModules(packages)].map((name) => name.replace("node_modules/", ""));
    for (const name of ["cmake-js", "node-addon-api", "node-api-headers", "zod", "commander", "vitest", "vite", "fast-check"]) expect(names).toContain(name);
    for (const name of ["typescript", "echarts", "mnist", "tinybench", "@types/node"]) expect(names).not.toContain(name);
  });

  it("are found where Node would: beside who needs them, else above", () => {
    const lock = {
      "": { dependencies: { a: "1", "@s/b": "1" } },
      "node_modules/a": { dependencies: { c: "1" }, optionalDependencies: { absent: "1" } },
      "node_modules/a/node_modules/c": { dependencies: { d: "1" } },
      "node_modules/@s/b": { dependencies: { c: "2" } },
      "node_modules/c": {},
      "node_modules/d": { dependencies: { a: "1" } },
      "node_modules/vitest": {},
      "node_modules/fast-check": {},
      "node_modules/unneeded": {},
    };
    expect([...neededModules(lock)].sort()).toEqual(Object.keys(lock).filter((name) => name !== "" && !name.endsWith("unneeded")).sort());
    expect(() => neededModules({ ...lock, "": { dependencies: { e: "1" } } })).toThrow("package-lock.json has no e, which the package needs");
  });

  it.each([
    ["lib/index.js", true], ["napi.h", true], ["LICENSE", true], ["LICENSE.md", true], ["bin/x.node", true], ["lib/docs/x.js", true], ["dist/test.js", true],
    ["lib/index.d.ts", false], ["index.d.mts", false], ["lib/index.js.map", false], ["README.md", false], ["docs/x.js", false], ["test/x.js", false], ["node_modules/x/index.js", false],
  ])("%s is packed: %s", (file, packed) => expect(isRead(file)).toBe(packed));
});

describe("run.sh", () => {
  interface Fakes {
    /** What programs do, as shell code that sees their arguments. */
    node?: string;
    nvidia?: string;
    python?: string;
    env?: Record<string, string>;
  }
  const GPU = { python: "echo a warning; echo 2.11.0+cu130 9.0 /a folder/torch", nvidia: 'echo "A GPU, 580"' };

  /** Runs it in a folder as one unpacked, where there are no other programs of these names. */
  function tryIt({ node = 'echo "said by $*"', nvidia = "echo no driver; exit 1", python = "exit 1", env = {} }: Fakes) {
    const folder = mkdtempSync(path.join(scratch, "fake-"));
    for (const name of ["native", "tools/bin"]) mkdirSync(path.join(folder, name), { recursive: true });
    copyFileSync(SCRIPT, path.join(folder, "run.sh"));
    for (const [name, code] of Object.entries({ node, "nvidia-smi": nvidia, python3: python })) {
      writeFileSync(path.join(folder, "tools/bin", name), `#!/bin/sh\n${code}\n`);
      chmodSync(path.join(folder, "tools/bin", name), 0o755);
    }
    const { status, stdout, stderr } = spawnSync("bash", [path.join(folder, "run.sh"), "out"], { cwd: folder, encoding: "utf8", env: { PATH: "/usr/bin:/bin", ...env } });
    const read = (name: string) => readFileSync(path.join(folder, "out", name), "utf8");
    return { status, stderr, folder, last: stdout.trimEnd().split("\n").at(-1), files: readdirSync(path.join(folder, "out")).sort(), read };
  }

  it("keeps a log of each part and puts them into results.md", () => {
    const { status, stderr, last, files, read } = tryIt({ python: "echo 2.13.0+cpu none /torch" });
    expect(stderr).toBe("");
    expect(last).toMatch(/^10 of 10 parts ok; \d+ seconds; results in .*\/out\/results\.md$/);
    expect(status).toBe(0);
    expect(files).toEqual([...PARTS.map((name) => `${name}.log`), "python.log", "results.md"].sort());
    for (const part of PARTS) expect(read("results.md")).toMatch(new RegExp(`^\\| ${part} \\| ok \\| \\d+ \\|$`, "m"));
    expect(read("parity.log")).toBe("said by dist/cli/main.js parity --device cpu\n");
    for (const part of PARTS) expect(read("results.md")).toContain(read(`${part}.log`).trimEnd());
    // Without a GPU, sizes that a CPU can bear.
    expect(read("bench-steps.log")).toMatch(/^said by bench\/gpu\/run\.mjs --only steps --device cpu --tiny --markdown .*\/bench-steps\.json$/m);
  });

  it("works on the GPU where there is one, builds for it alone, and lets Inductor begin", () => {
    const { status, stderr, read, folder } = tryIt({
      ...GPU,
      node: 'echo "$* for $DGSAM_CUDA_ARCHS and $DGSAM_LIBTORCH by $DGSAM_PYTHON"; sleep 0.1',
      python: `case "$*" in *ahead*) echo "$*"; sleep 100;; *) ${GPU.python};; esac`,
    });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(read("results.md")).toContain("* GPU, driver, memory: A GPU, 580\n* compute capability: 9.0\n");
    expect(read("results.md")).toContain("* PyTorch: 2.11.0+cu130 in /a folder/torch\n");
    expect(read("build.log")).toBe(`install/build.mjs for 9.0 and /a folder/torch by ${folder}/tools/bin/python3\n`);
    expect(read("parity.log")).toMatch(/^dist\/cli\/main\.js parity --device cuda for 9\.0/);
    expect(read("bench-kernels.log")).toMatch(/^bench\/gpu\/run\.mjs --only kernels --device cuda --markdown /);
    expect(read("inductor.log")).toBe("-B bench/gpu/torch_compile_ahead.py cuda\n");
  });

  it("takes a Python that imports torch, and asks the driver where there is none", () => {
    const { read } = tryIt({ nvidia: 'case "$*" in *compute_cap*) echo 9.0;; *) echo "A GPU, 580";; esac', node: 'echo "$* by ${DGSAM_PYTHON-nobody}"' });
    expect(read("parity.log")).toBe("dist/cli/main.js parity --device cuda by nobody\n");
    const named = path.join(scratch, "named-python");
    writeFileSync(named, "#!/bin/sh\necho 2.11.0 none /torch\n", { mode: 0o755 });
    const other = tryIt({ node: 'echo "$DGSAM_PYTHON"', env: { DGSAM_PYTHON: named } });
    expect(other.read("parity.log")).toBe(`${named}\n`);
  });

  it("builds without kernels of our own where those do not build or load", () => {
    const { last, status, read } = tryIt({ node: 'case "$*" in *doctor*) test "$DGSAM_CUDA" = 0 || exit 1;; esac; echo "kernels: $DGSAM_CUDA"' });
    expect(last).toMatch(/^11 of 12 parts ok, doctor failed, status 1; /);
    expect(status).toBe(1);
    for (const part of ["build-without-kernels", "doctor-without-kernels", "parity"]) expect(read(`${part}.log`)).toBe("kernels: 0\n");
    expect(read("build.log")).toBe("kernels: \n");
  });

  it("builds for the GPUs that nvcc knows where it does not know this one", () => {
    const { last, read } = tryIt({
      ...GPU,
      node: `case "$* $DGSAM_CUDA_ARCHS" in "install/build.mjs 9.0") echo 'DgsamError: DGSAM_CUDA_ARCHS: expected a list, got "9.0".'; exit 1;; esac; echo "archs: $DGSAM_CUDA_ARCHS, kernels: $DGSAM_CUDA"`,
    });
    expect(last).toMatch(/^10 of 11 parts ok, build failed, status 1; /);
    for (const part of ["build-for-known-gpus", "parity"]) expect(read(`${part}.log`)).toBe("archs: , kernels: \n");
  });

  it("does without a home", () => {
    const { read, folder } = tryIt({ node: 'echo "$HOME"', env: { HOME: "/nowhere" } });
    expect(read("build.log")).toBe(`${folder}\n`);
  });

  it("leaves out parts that are not asked for", () => {
    const { last, files } = tryIt({ env: { DGSAM_OFFLINE_PARTS: "doctor bench-memory" } });
    expect(last).toMatch(/^2 of 2 parts ok; /);
    expect(files).toEqual(["bench-memory.log", "doctor.log", "python.log", "results.md"]);
  });

  it("goes on after a part that fails", () => {
    const { status, last, read } = tryIt({ node: 'case "$*" in *parity*) echo "a row is off"; exit 3;; esac; echo fine' });
    expect(last).toMatch(/^9 of 10 parts ok, parity failed, status 3; /);
    expect(status).toBe(1);
    expect(read("parity.log")).toBe("a row is off\n");
    expect(read("tests.log")).toBe("fine\n");
  });

  it("ends a part whose time is up, keeps what it said, and has all end in time", () => {
    const started = Date.now();
    const { status, last, read } = tryIt({ node: 'case "$*" in *parity*) echo begun; sleep 100;; esac; echo fine', env: { DGSAM_OFFLINE_SECONDS: "25" } });
    expect(last).toMatch(/^\d of 10 parts ok, parity ended after 10 seconds/);
    expect(status).toBe(1);
    expect(read("parity.log")).toBe("begun\n");
    expect(read("bench-steps.log")).toBe("fine\n");
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  it("goes on where the driver's tool hangs, also where nothing can end it", () => {
    const started = Date.now();
    // What is in a session of its own is not ended with the others, and holds what it may write to.
    const { status, stderr, read } = tryIt({ nvidia: "trap '' TERM; setsid sleep 40 & sleep 100", env: { DGSAM_OFFLINE_SECONDS: "60", DGSAM_OFFLINE_PARTS: "doctor" } });
    expect(stderr).toBe("");
    expect(status).toBe(0);
    expect(read("results.md")).toContain("* GPU, driver, memory: none\n* compute capability: none\n");
    expect(read("doctor.log")).toBe("said by dist/cli/main.js doctor\n");
    expect(Date.now() - started).toBeLessThan(30_000);
  });

  it("ends in time where neither Python nor the driver's tool answers", () => {
    const started = Date.now();
    const { last } = tryIt({ nvidia: "sleep 100", python: "sleep 100", env: { DGSAM_OFFLINE_SECONDS: "8" } });
    expect(last).toMatch(/^0 of 10 parts ok, build not begun, no time was left, /);
    expect(Date.now() - started).toBeLessThan(60_000);
  });

  it("begins nothing when no time is left", () => {
    const { last, files } = tryIt({ env: { DGSAM_OFFLINE_SECONDS: "3" } });
    expect(last).toMatch(/^0 of 10 parts ok, build not begun, no time was left, /);
    expect(files).toEqual(["python.log", "results.md"]);
  });
});

describe.runIf(process.env["DGSAM_TEST_BUNDLE"] === "1")("a whole bundle", () => {
  const target = path.join(scratch, "bundle");
  const folder = path.join(target, NAME);

  test("is small and names neither this machine's folders nor its registries", { timeout: 900_000 }, () => {
    const packed = spawnSync(process.execPath, [path.join(ROOT, "install/offline/bundle.mjs"), target], { encoding: "utf8" });
    expect(packed.stderr).toBe("");
    expect(readdirSync(target).sort()).toEqual([`${NAME}.tar.xz`, "run.sh"]);
    expect(statSync(path.join(target, `${NAME}.tar.xz`)).size).toBeLessThan(60e6);
    expect(spawnSync("tar", ["-xf", `${NAME}.tar.xz`], { cwd: target }).status).toBe(0);
    for (const file of ["run.sh", "dist/cli/main.js", "lib/index.ts", "native/addon.cc", "bench/gpu/run.mjs", "test/oracles/parity_problem.py", "tools/bin/node", "tools/bin/cmake", "tools/bin/ninja"])
      expect(existsSync(path.join(folder, file)), file).toBe(true);

    const hosts = [spawnSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).stdout, spawnSync("python3", ["-m", "pip", "config", "list"], { encoding: "utf8" }).stdout]
      .flatMap((text) => [...(text ?? "").matchAll(/:\/\/(?:[^/@\s]*@)?([\w.-]+)/g)].map(([, host]) => host!))
      .filter((host) => !/(^|\.)(npmjs\.org|pypi\.org|pytorch\.org)$/.test(host));
    const foreign = [ROOT.replace(/\/$/, ""), path.dirname(readRecord()!.libtorch.root), ...hosts];
    const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => statSync(path.join(folder, name)).isFile());
    expect(files.length).toBeGreaterThan(1000);
    const found = files.flatMap((name) => {
      const content = readFileSync(path.join(folder, name));
      return foreign.filter((text) => content.includes(text)).map((text) => `${name}: ${text}`);
    });
    expect(found).toEqual([]);
  });

  test.runIf(which("unshare") !== null)("builds and passes without network and surroundings", { timeout: 3_000_000 }, () => {
    // As on a host, whose python3 has torch.
    const python = process.env["DGSAM_PYTHON"];
    const PATH = [...(python === undefined ? [] : [path.dirname(python)]), "/usr/bin", "/bin"].join(":");
    const { status, stdout, stderr } = spawnSync("unshare", ["-rn", "bash", path.join(target, "run.sh"), path.join(scratch, "out")], { encoding: "utf8", env: { PATH, DGSAM_OFFLINE_SECONDS: "2400" } });
    expect(status, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout.trimEnd().split("\n").at(-1)).toMatch(/^10 of 10 parts ok; /);
  });
});
