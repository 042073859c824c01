/** The GPU benchmark at tiny sizes on the CPU: that both sides take the same steps, and that every row computes. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Adam, cudaDeviceCount, DGSAM, MnistCnn, scope, type Tensor } from "dgsam";
import { afterAll, describe, expect, test } from "vitest";
import { newLayers, NETWORKS, SIZES } from "../../bench/gpu/networks.mjs";
import { queryGpu } from "../../bench/gpu/nvidia-smi.mjs";
import { newProblem } from "../../bench/gpu/problems.mjs";
import { inTurns } from "../../bench/gpu/turns.mjs";
import { startPython } from "../../bench/python-side.mjs";
import { hasTorch, oracle, python } from "../reference/oracle.js";

const STEPS = 3;
const RUN = fileURLToPath(new URL("../../bench/gpu/run.mjs", import.meta.url));
const folder = mkdtempSync(path.join(os.tmpdir(), "dgsam-bench-gpu-"));
afterAll(() => rmSync(folder, { recursive: true }));

const values = (tensors: Tensor[]): number[] => tensors.flatMap((each) => Array.from(each.detach().flatten().toArray() as number[]));
const distance = (a: number[], b: number[]): number => Math.sqrt(a.reduce((sum, value, i) => sum + (value - b[i]!) ** 2, 0));

interface Answer {
  loss: number;
  end: Record<string, number[]>;
}

test.each([["resnet50", 25_557_032, 161], ["resnet18", 11_689_512, 62], ["cnn", 371_850, 18]])("%s has as many parameters as the original", (key, count, tensors) => {
  scope(() => {
    const network = NETWORKS.find((each) => each.key === key)!;
    const layers = newLayers({});
    network.make(layers, network.of(SIZES.full));
    expect(layers.parameters.reduce((sum, { numel }) => sum + numel, 0)).toBe(count);
    expect(layers.parameters).toHaveLength(tensors);
  });
});

test("the MNIST_CNN is the one of lib/models", () => {
  const { forward, parameters, batches } = newProblem(NETWORKS.find(({ key }) => key === "cnn")!, { size: "tiny" });
  const model = new MnistCnn({ width: SIZES.tiny.cnn.width });
  const ours = [0, 1, 2, 3].flatMap((i) => [`conv${i + 1}.weight`, `conv${i + 1}.bias`, `bn${i}.weight`, `bn${i}.bias`]);
  const keys = [...ours, "classifier.weight", "classifier.bias"];
  model.loadStateDict(Object.fromEntries(keys.map((key, i) => [key, parameters[i]!.detach()])));
  expect(forward(batches[0]!.x).sub(model.forward(batches[0]!.x)).abs().max().item()).toBeLessThan(1e-6);
});

describe.runIf(hasTorch).each(NETWORKS.map(({ key }) => key))("%s", (key) => {
  const network = NETWORKS.find((each) => each.key === key)!;

  test("loss and steps are PyTorch's, for each of its variants and both of ours, in both formats", { timeout: 120_000 }, () => {
    const problem = () => newProblem(network, { size: "tiny", dtype: "float64" });
    const { parameters, batches, closures } = problem();
    const begin = values(parameters);
    const answer = oracle<Answer>("bench/gpu_steps_check.py", {
      network: key,
      steps: STEPS,
      // Compiling takes Inductor a minute for each ResNet; what differs between networks is not its matter.
      variants: ["per-parameter", "foreach", ...(key === "cnn" ? ["compiled"] : [])],
      shapes: parameters.map(({ shape }) => shape),
      parameters: parameters.map((each) => values([each])),
      batches: batches.map(({ x, y }) => ({ x: values([x]), y: values([y]) })),
    });
    expect(closures[0]!().item()).toBeCloseTo(answer.loss, 10);

    const lead = (made: ReturnType<typeof problem>, which = made.closures, rho = 0.05): number[] => {
      const optimizer = new DGSAM(made.parameters, Adam, { lr: 1e-4, order: "fixed", rho });
      for (let i = 0; i < STEPS; i++) optimizer.step(which);
      return values(made.parameters);
    };
    const captured = problem();
    const { captured: loss, closures: recorded } = captured.captured();
    const ends = {
      eager: lead(problem()),
      captured: lead(captured, recorded),
      channelsLast: lead(newProblem(network, { size: "tiny", dtype: "float64", channels_last: true })),
    };
    expect(loss.stats.programs).toBe(1);
    const length = distance(ends.eager, begin);
    for (const [variant, end] of Object.entries(answer.end))
      for (const [ours, mine] of Object.entries(ends)) expect(distance(mine, end) / length, `${ours} against ${variant}`).toBeLessThan(1e-5);
    // Another radius leads elsewhere.
    expect(distance(lead(problem(), undefined, 0.1), ends.eager) / length).toBeGreaterThan(1e-3);
  });
});

test.runIf(hasTorch)("PyTorch's side tells what fails, and goes on", { timeout: 120_000 }, async () => {
  const pytorch = await startPython(python!, "gpu/torch_steps.py", 1);
  const step = (options: object) => pytorch.side("cnn foreach", { options: { size: "tiny", ...options } })(1);
  await expect(step({ autocast: "float17" })).rejects.toThrow(/^bench\/gpu\/torch_steps\.py: Traceback [^]*has no attribute 'float17'/);
  expect(await step({})).toBeGreaterThan(0);
  await pytorch.end();
});

test("sides take turns, and the median turn of each counts", async () => {
  const order: string[] = [];
  const side = (name: string, seconds: number) => (iterations: number) => {
    order.push(name);
    // Every third turn is disturbed.
    return iterations * seconds * (order.length % 3 === 0 ? 50 : 1);
  };
  const { a, b } = await inTurns({ a: side("a", 0.25), b: side("b", 0.5) }, 0.001);
  expect([a, b]).toEqual([0.25, 0.5]);
  expect(order.slice(-10).join("")).toMatch(/^(abbaabbaab|baabbaabba)$/);
});

describe("the driver's tool", () => {
  /** What is read where it does so, as shell code that sees its arguments. */
  const answer = (code: string, visible?: string) => {
    writeFileSync(path.join(folder, "nvidia-smi"), `#!/bin/sh\n${code}\n`, { mode: 0o755 });
    return queryGpu("name,driver_version", { PATH: `${folder}:/usr/bin:/bin`, ...(visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible }) });
  };

  test.each([
    [undefined, "--id=0"],
    ["", "--id=0"],
    ["3,1", "--id=3"],
    [" GPU-8932f937-d72c-4106-c12f-20bd9faed9f6 ,0", "--id=GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"],
    ["MIG-d1b3c5a7-0000-5000-8000-000000000000", ""],
  ])("is asked for the GPU that CUDA_VISIBLE_DEVICES=%s puts first", (visible, id) => {
    expect(answer('echo "$1, $3"', visible)).toEqual(["--query-gpu=name", "driver_version", id]);
  });

  test("tells nothing where it fails, is missing, or several GPUs answer", () => {
    expect(answer('echo "No devices were found"; exit 6')).toBeNull();
    expect(answer('echo "A, 580"; echo "B, 580"')).toBeNull();
    rmSync(path.join(folder, "nvidia-smi"));
    expect(queryGpu("name", { PATH: folder })).toBeNull();
  });

  test("is not waited for when it hangs", () => {
    expect(answer("exec sleep 30")).toBeNull();
  }, 20_000);
});

const bench = (...args: string[]) => spawnSync(process.execPath, [RUN, ...args], { encoding: "utf8", env: { ...process.env, OMP_NUM_THREADS: "1" } });

test.runIf(hasTorch)("every row computes", { timeout: 600_000 }, () => {
  const json = path.join(folder, "rows.json");
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUN, "--device", "cpu", "--tiny", "--markdown", "--seconds", "0.001", "--threads", "1", "--json", json], {
    encoding: "utf8",
    env: { ...process.env, DGSAM_PYTHON: python, OMP_NUM_THREADS: "1" },
  });
  expect(stderr).toBe("");
  expect(status).toBe(0);
  const { rows } = JSON.parse(readFileSync(json, "utf8")) as { rows: { name: string; value: number; goal: number | null; pass: boolean | null }[] };
  for (const { name, value, goal, pass } of rows) {
    expect(value, name).toBeGreaterThan(0);
    expect(value, name).toBeLessThan(Infinity);
    expect(pass, name).toBe(goal === null ? null : value <= goal);
  }
  expect(stdout.trimEnd().split("\n").slice(4).map((line) => line.split(" | ")[0]!.slice(2))).toEqual(rows.map(({ name }) => name));
  const networks = ["ResNet-50", "ResNet-18", "MNIST_CNN"];
  const formats = ["float32", "float32, channels last", "bfloat16 autocast", "bfloat16 autocast, channels last"];
  for (const network of networks)
    for (const format of formats) for (const step of ["captured DGSAM step", "DGSAM step by a graph"]) expect(rows.map(({ name }) => name)).toContain(`${network}, ${format}: ${step} / bare S+1 passes`);
  const count = (pattern: RegExp) => rows.filter(({ name }) => pattern.test(name)).length;
  expect([count(/best without Inductor/), count(/torch\.compile/), count(/memory of a process/), count(/time per byte/)]).toEqual([24, 6, 6, 28]);
});

test.each([
  [["--device", "tpu"], /^bench: --device: expected cuda or cpu, got "tpu"\n$/],
  [["--device", "cpu", "--only", "speed"], /^bench: --only: expected a part of kernels, steps, compiled, memory, got "speed"\n$/],
  [["--tinny"], /^bench: Unknown option '--tinny'.*; npm run bench:gpu -- .*\n$/],
])("%j is one line", (args, text) => {
  const { status, stdout, stderr } = bench(...args);
  expect(stderr).toMatch(text);
  expect(stdout).toBe("");
  expect(status).toBe(1);
});

test.runIf(cudaDeviceCount() === 0)("without a GPU it says so, and what can be done without", () => {
  const { status, stderr } = bench();
  expect(stderr).toMatch(/^bench: --device cuda: this LibTorch sees no CUDA device .*--device cpu --tiny\n$/);
  expect(status).toBe(1);
});
