/** JAX's side of the benchmark: that it does the same steps as we do, and says why there is none. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Adam, crossEntropy, DGSAM, ERM, MLP, MnistCnn, SAM, tensor, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { cacheFolder } from "../../install/cache.mjs";
import { JAX_ENVIRONMENT } from "../../bench/jax.mjs";

// The tests do not install it: `npm run bench` does.
const python = path.join(cacheFolder(process.env), JAX_ENVIRONMENT, "bin", "python");
const STEPS = 5;
// In float64, for Adam makes as much of the rounding of a small gradient as of a large one.
const TOLERANCE = 1e-6;

interface Flat {
  shape: number[];
  data: number[];
}
type Flats = Record<string, Flat>;
interface Answer {
  begin: Flats;
  x: Flat[];
  y: number[][];
  end: Record<string, Flats>;
  losses: Record<string, number>;
}

const tensorOf = ({ shape, data }: Flat): Tensor => tensor(data, { dtype: "float64" }).reshape(shape);
const NETWORKS = {
  mlp: () => new MLP({ inputSize: 64, hiddenSizes: [64, 64, 64], numClasses: 10, dtype: "float64" }),
  cnn: () => new MnistCnn({ width: 16, dtype: "float64" }),
};
const ALGORITHMS = { ERM, SAM, DGSAM };
type Name = keyof typeof ALGORITHMS;

function jaxSteps(network: string): Answer {
  const script = fileURLToPath(new URL("jax_steps_check.py", import.meta.url));
  const env = { ...process.env, JAX_PLATFORMS: "cpu", JAX_ENABLE_X64: "1" };
  const { stdout, stderr, status } = spawnSync(python, ["-B", script, network, String(STEPS)], { encoding: "utf8", maxBuffer: 2 ** 28, env });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as Answer;
}

/** Where our steps lead from where JAX began, and the mean loss of the last one. */
function ourSteps(name: Name, model: MLP | MnistCnn, { begin, x, y }: Answer): { end: number[]; loss: number } {
  model.loadStateDict(Object.fromEntries(Object.entries(begin).map(([key, value]) => [key, tensorOf(value)])));
  const closures = x.map((each, i) => {
    const [input, target] = [tensorOf(each), tensor(y[i]!, { dtype: "int64" })];
    return () => crossEntropy(model.forward(input), target);
  });
  const options = name === "DGSAM" ? { lr: 1e-4, order: "fixed" as const } : { lr: 1e-4 };
  const optimizer = new ALGORITHMS[name](model.parameters(), Adam, options);
  let losses: number[] = [];
  for (let i = 0; i < STEPS; i++) losses = optimizer.step(closures).losses;
  const loss = losses.reduce((sum, each) => sum + each, 0) / losses.length;
  return { end: Object.keys(begin).flatMap((key) => model.stateDict()[key]!.flatten().toArray() as number[]), loss };
}

const distance = (a: number[], b: number[]) => Math.hypot(...a.map((value, i) => value - b[i]!));

describe.runIf(existsSync(python)).each(["mlp", "cnn"] as const)("JAX's steps of the %s lead where ours do", { timeout: 120_000 }, (network) => {
  const names = Object.keys(ALGORITHMS) as Name[];
  test("for each algorithm, and the others elsewhere", () => {
    const answer = jaxSteps(network);
    const vector = (flats: Flats) => Object.keys(answer.begin).flatMap((key) => flats[key]!.data);
    const begin = vector(answer.begin);
    for (const name of names) {
      const { end, loss } = ourSteps(name, NETWORKS[network](), answer);
      const length = distance(end, begin);
      expect(loss).toBeCloseTo(answer.losses[name]!, 8);
      for (const other of names) {
        const error = distance(end, vector(answer.end[other]!)) / length;
        if (other === name) expect(error, name).toBeLessThan(TOLERANCE);
        else expect(error, `${name} against ${other}`).toBeGreaterThan(0.05);
      }
    }
  });
});

test("without Python the reason is told in one line", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-jax-"));
  try {
    const module = new URL("../../bench/jax.mjs", import.meta.url).href;
    const script = `import("${module}").then(({ findJax }) => findJax()).catch((error) => console.log(error.message))`;
    const { stdout } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", env: { ...process.env, PATH: "", XDG_CACHE_HOME: folder } });
    expect(stdout).toBe(`python3 -m venv ${path.join(folder, "dgsam", JAX_ENVIRONMENT)} ...: did not start\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
