/** The package as users get it: packed, installed in an empty folder, used there. */
import { spawnSync, type SpawnSyncOptions } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, onTestFailed } from "vitest";
import { readRecord, ROOT } from "../../install/record.mjs";
import { temporaryFolder } from "./fakes.js";

/** Runs a command and returns what it printed; fails with all of it when the command fails. */
function output(command: string, args: string[], options: SpawnSyncOptions): string {
  const { status, stdout, stderr } = spawnSync(command, args, { ...options, encoding: "utf8" });
  expect(status, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

function pack(folder: string): { file: string; files: string[] } {
  const [{ filename, files }] = JSON.parse(output("npm", ["pack", "--json", "--pack-destination", folder], { cwd: ROOT })) as [{ filename: string; files: { path: string }[] }];
  return { file: path.join(folder, filename), files: files.map((each) => each.path) };
}

const TRAINING = `
import { Adam, DGSAM, Linear, manualSeed, memoryStats, mseLoss, randn, scope } from "dgsam";
manualSeed(0);
const model = new Linear(4, 1);
const optimizer = new DGSAM(model.parameters(), Adam, { lr: 0.05, rho: 0.05 });
const domains = [0, 1, 2].map((shift) => {
  const x = randn([32, 4]).add(shift);
  return { x, y: x.sum(1, true) };
});
const losses = [];
for (let step = 0; step < 60; step++)
  losses.push(scope(() => optimizer.step(domains.map(({ x, y }) => () => mseLoss(model.forward(x), y)))).losses);
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
console.log(JSON.stringify({ first: mean(losses[0]), last: mean(losses.at(-1)), handles: memoryStats().handles > 0 }));
`;

describe("npm pack", () => {
  it("holds what an install needs and nothing else", () => {
    const { files } = pack(temporaryFolder());
    const top = new Set(files.map((file) => file.split("/")[0]));
    expect([...top].sort()).toEqual(["CMakeLists.txt", "LICENSE", "README.md", "bench", "binding.gyp", "dist", "docs", "examples", "install", "native", "package.json"]);
    for (const file of ["dist/index.js", "dist/index.d.ts", "dist/cli/main.js", "dist/reference/index.js", "install/install.mjs", "install/download.cmake", "native/addon.cc", "native/ops/library.cc"]) expect(files).toContain(file);
    const dropIn = ["README.md", "dgsam.py", "digits.py", "train_dgsam.py", "train_sam.py"].map((file) => `examples/python-drop-in/${file}`);
    expect(files.filter((file) => /^(bench|examples)\//.test(file)).sort()).toEqual(["bench/RESULTS.md", "examples/custom-algorithm.ts", "examples/custom-algorithm/wsam.ts", ...dropIn, "examples/quick-start.ts"]);
    expect(files.filter((file) => /\.map$|\.test\.|(^|\/)\.|^dist\/generate\//.test(file))).toEqual([]);
    // Every compiled file has a source: leftovers of deleted ones would be published.
    const sources = spawnSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "lib"], { cwd: ROOT, encoding: "utf8" }).stdout.split("\n");
    if (sources.length > 1) for (const file of files.filter((each) => each.startsWith("dist/"))) expect(sources).toContain(file.replace(/^dist/, "lib").replace(/(\.d\.ts|\.js)$/, ".ts"));
  });
});

it("npm pack holds every file that README.md and docs/ link to", () => {
  const { files } = pack(temporaryFolder());
  const links = files.filter((file) => file.endsWith(".md")).flatMap((page) => {
    const targets = readFileSync(path.join(ROOT, page), "utf8").matchAll(/\]\(([\w./-]+\.\w+)(#[\w-]*)?\)/g);
    return [...targets].map(([, target]) => path.join(path.dirname(page), target!));
  });
  expect(links).toContain("docs/install.md");
  expect(links.filter((file) => !files.includes(file))).toEqual([]);
});

it("installed in an empty folder, it builds its addon, trains, and its doctor finds nothing wrong", { timeout: 1_500_000 }, () => {
  const folder = temporaryFolder();
  const { file } = pack(folder);
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "user", private: true, type: "module" }));
  // The LibTorch that is there already: fetching has its own tests.
  const env = { ...process.env, DGSAM_LIBTORCH: readRecord()!.libtorch.root };
  onTestFailed(() => console.error(`in ${folder}`));
  output("npm", ["install", "--no-audit", "--no-fund", "--foreground-scripts", file], { cwd: folder, env });

  const installed = path.join(folder, "node_modules/dgsam");
  const record = JSON.parse(readFileSync(path.join(installed, "build/Release/dgsam-build.json"), "utf8")) as { libtorch: { source: string } };
  expect(record.libtorch.source).toBe("DGSAM_LIBTORCH");

  writeFileSync(path.join(folder, "train.js"), TRAINING);
  const { first, last } = JSON.parse(output(process.execPath, ["train.js"], { cwd: folder })) as { first: number; last: number };
  expect(last).toBeLessThan(0.1 * first);

  // Its declarations need @types/node and nothing else, also where tsc checks them all.
  writeFileSync(path.join(folder, "use.ts"), 'import { Adam, DGSAM, Linear } from "dgsam";\nexport const optimizer = new DGSAM(new Linear(4, 1).parameters(), Adam, { rho: 0.05 });\n');
  const options = ["--ignoreConfig", "--noEmit", "--strict", "--module", "nodenext", "--target", "es2023", "--lib", "es2023,esnext.disposable", "--skipLibCheck", "false"];
  output(process.execPath, [path.join(ROOT, "node_modules/typescript/bin/tsc"), ...options, "--types", "node", "--typeRoots", path.join(ROOT, "node_modules/@types"), "use.ts"], { cwd: folder });

  // Hundreds of megabytes of intermediates.
  expect(existsSync(path.join(installed, "build/cmake"))).toBe(false);

  const report = JSON.parse(output(path.join(folder, "node_modules/.bin/dgsam"), ["doctor", "--json"], { cwd: folder })) as object;
  expect(report).toMatchObject({ ok: true, addon: { loads: true } });
});
