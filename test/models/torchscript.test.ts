import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Adam, BatchNorm2d, capture, Conv2d, crossEntropy, DGSAM, Dropout, Linear, loadTorchScript, manualSeed, memoryStats, Module, mul, noGrad, readNpz, relu, scope,
  ScriptModule, setNumThreads, SGD, tensor, zeros, type StateDict, type Tensor,
} from "dgsam";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { hasTorch, oracle } from "../reference/oracle.js";

// As in the script: sums are shared out among threads.
setNumThreads(1);

let folder: string;
let keys: { holding: string[]; resnet: string[] };
const path = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-torchscript-"));
  if (hasTorch) keys = oracle("models/torchscript.py", { folder });
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The same network by our layers, under the same keys. */
class Net extends Module {
  layers = new Map<string, Module>([["convA", new Conv2d(3, 8, 3, { padding: 1 })], ["bn", new BatchNorm2d(8)], ["drop", new Dropout(0.3)], ["head", new Linear(8, 4)]]);

  forward(x: Tensor): Tensor {
    const [conv, bn, drop, head] = [...this.layers.values()] as [Conv2d, BatchNorm2d, Dropout, Linear];
    x = relu(bn.forward(conv.forward(x)));
    return head.forward(drop.forward(mul(x.mean([2, 3]), 0.5)));
  }
}

const bits = (value: Tensor): string => Buffer.from(value.toBytes()).toString("hex");
const allBits = (dict: Readonly<StateDict>): Record<string, string> => Object.fromEntries(Object.entries(dict).map(([key, each]) => [key, bits(each)]));

describe.skipIf(!hasTorch)("a script", () => {
  test.each(["script", "trace", "resnet"])("%s: outputs, gradients, a step of SGD and the evaluation after it are Python's, bit for bit", (name) => {
    const expected = readNpz(path(`${name}.npz`));
    const net = loadTorchScript(path(`${name}.pt`));
    expect(net.training).toBe(true);
    const startsWith = (prefix: string): StateDict =>
      Object.fromEntries(Object.entries(expected).filter(([key]) => key.startsWith(prefix)).map(([key, each]) => [key.slice(prefix.length), each]));
    expect(allBits(net.stateDict())).toEqual(allBits(startsWith("before.")));
    manualSeed(7);
    const out = net.forward(expected["x"]!);
    crossEntropy(out, expected["y"]!).backward();
    expect(bits(out)).toBe(bits(expected["out"]!));
    expect(allBits(Object.fromEntries([...net.namedParameters()].map(([key, each]) => [key, each.grad!])))).toEqual(allBits(startsWith("grad.")));
    new SGD(net.parameters(), { lr: 0.1, momentum: 0.9 }).step();
    expect(allBits(net.stateDict())).toEqual(allBits(startsWith("after.")));
    net.eval();
    expect(bits(net.forward(expected["x"]!))).toBe(bits(expected["evaluated"]!));
    net.dispose();
  });

  test("steps of DGSAM, eager and captured, come to the bits of the same network by our layers", () => {
    const { x, y } = readNpz(path("script.npz")) as { x: Tensor; y: Tensor };
    const trained = (net: Module & { forward(x: Tensor): Tensor }, captured: boolean): Record<string, string> => {
      const optimizer = new DGSAM(net.parameters(), Adam, { rho: 0.05, lr: 0.01, model: net });
      manualSeed(3);
      const loss = (a: Tensor, b: Tensor): Tensor => crossEntropy(net.forward(a), b);
      const recorded = capture(loss);
      const batches = [0, 2, 4].map((start) => [x.narrow(0, start, 2).clone(), y.narrow(0, start, 2).clone()] as const);
      for (let step = 0; step < 4; step++) optimizer.step(batches.map(([a, b]) => (captured ? recorded.on(a, b) : () => loss(a, b))));
      if (captured) expect([recorded.stats.refused, recorded.stats.replayed > 0]).toEqual([[], true]);
      return allBits(net.stateDict());
    };
    const own = new Net();
    const script = loadTorchScript(path("script.pt"));
    const strip = (dict: StateDict): StateDict => Object.fromEntries(Object.entries(dict).map(([key, each]) => [key.replace("layers.", ""), each]));
    own.loadStateDict(Object.fromEntries(Object.entries(script.stateDict()).map(([key, each]) => [`layers.${key}`, each])));
    const before = allBits(script.stateDict());
    const expected = trained(own, false);
    const found = trained(script, false);
    expect(found).toEqual(Object.fromEntries(Object.entries(expected).map(([key, each]) => [key.replace("layers.", ""), each])));
    expect(found).not.toEqual(before);
    expect(trained(loadTorchScript(path("script.pt")), true)).toEqual(found);
    expect(Object.keys(strip(own.stateDict()))).toEqual(Object.keys(script.stateDict()));
  });

  test("training passes move BatchNorm's statistics, count up their versions, and with \"hold\" leave them alone", () => {
    const net = loadTorchScript(path("script.pt"));
    const { x } = readNpz(path("script.npz")) as { x: Tensor };
    const buffers = net.namedBuffers();
    const [count, mean] = [buffers.get("bn.num_batches_tracked")!, buffers.get("bn.running_mean")!];
    const [version, before] = [count.version, bits(mean)];
    net.forward(x);
    expect([count.item(), count.version > version, bits(mean) === before]).toEqual([1, true, false]);
    const moved = bits(mean);
    net.setRunningStats("hold");
    const held = net.forward(x);
    crossEntropy(held, zeros([6], { dtype: "int64" })).backward();
    expect([count.item(), bits(mean)]).toEqual([1, moved]);
    net.setRunningStats("update");
    net.forward(x);
    expect(count.item()).toBe(2);
  });

  test("modules in it have modes of their own, and a forward", () => {
    const net = loadTorchScript(path("script.pt"));
    const { x } = readNpz(path("script.npz")) as { x: Tensor };
    expect([...net.namedModules().keys()]).toEqual(["", "convA", "bn", "drop", "head"]);
    net.namedModules().get("bn")!.eval();
    net.forward(x);
    expect(net.namedBuffers().get("bn.num_batches_tracked")!.item()).toBe(0);
    const head = net.namedModules().get("head") as ScriptModule;
    expect(head.forward(zeros([2, 8])).shape).toEqual([2, 4]);
    expect(net.toString()).toContain("(convA): ScriptModule(originalName: 'Conv2d')");
    net.train();
    net.forward(x);
    expect(net.namedBuffers().get("bn.num_batches_tracked")!.item()).toBe(1);
  });

  test("it is a part of other modules", () => {
    class Whole extends Module {
      body = loadTorchScript(path("script.pt"));
      head = new Linear(4, 2);
      forward(x: Tensor): Tensor {
        return this.head.forward(this.body.forward(x));
      }
    }
    const whole = new Whole();
    expect([...whole.namedParameters().keys()]).toEqual(["body.convA.weight", "body.convA.bias", "body.bn.weight", "body.bn.bias", "body.head.weight", "body.head.bias", "head.weight", "head.bias"]);
    whole.to("float64").eval();
    expect(whole.forward(zeros([1, 3, 4, 4], { dtype: "float64" })).dtype).toBe("float64");
    expect(whole.loadStateDict(whole.stateDict())).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expectError(() => whole.body.loadStateDict({}), "ERR_ARGUMENT", /missing keys: convA.weight/);
  });

  test("what is shared is one, under each of its names; what is frozen stays a parameter", () => {
    const net = loadTorchScript(path("holding.pt"));
    expect(Object.keys(net.stateDict())).toEqual(keys.holding);
    expect(net.parameters().map(({ requiresGrad }) => requiresGrad)).toEqual([true, true, false]);
    expect([...net.namedParameters().keys()]).toEqual(["first.weight", "first.bias", "third.bias"]);
    expect(Object.keys(loadTorchScript(path("resnet.pt")).stateDict())).toEqual(keys.resnet);
  });

  test("what the script raises is an error, and the gradient mode is what it was", () => {
    const net = loadTorchScript(path("holding.pt"));
    expectError(() => net.forward(zeros([2, 3]), true), "ERR_NATIVE", /^ScriptModule.forward: it was told to fail$/);
    expect(net.forward(zeros([2, 3]), false).requiresGrad).toBe(true);
    expectError(() => net.forward(zeros([2, 4]), false), "ERR_SHAPE", /^ScriptModule.forward: mat1 and mat2 shapes/);
    expectError(() => loadTorchScript(path("memory.pt")).forward(zeros([2])), "ERR_OOM", /can't allocate memory/);
    expect(noGrad(() => net.forward(zeros([2, 3]), false)).requiresGrad).toBe(false);
  });

  test("values of every kind go in and out", () => {
    const net = loadTorchScript(path("values.pt"));
    const x = tensor([1, 2]);
    const result = net.forward<Record<string, unknown[]>>(x, 2, 3, "ü", true, null, [x, x], [x, 10], { a: x, b: x });
    const [y, ...others] = result["üé€😀"]!;
    expect((y as Tensor).toArray()).toEqual([19, 36]);
    expect(others).toEqual([3, 1.5, "ü", false, [1, 2, 3]]);
    expect((net.forward<Record<string, [Tensor]>>(x, 0, 1, "", false, x, [], [x, 0], new Map())["é€😀"]![0]).toArray()).toEqual([0, 0]);
  });

  test.each<[string, unknown[], RegExp]>([
    ["too few", [], /missing value for argument 'x'/],
    ["too many", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], /expected at most 9 inputs, as of forward/],
    ["a number for a tensor", [1], /input 'x': expected a value of TorchScript's type Tensor/],
    ["a fraction for an int", [0, 1.5], /input 'x'/],
    ["a function", [() => 1], /input 0: expected a Tensor, a number.*got a function/],
  ])("inputs that do not fit: %s", (_, inputs, message) => {
    expectError(() => loadTorchScript(path("values.pt")).forward(...(inputs as never[])), "ERR_ARGUMENT", message);
  });

  test("inputs that are inside themselves are refused", () => {
    const endless: unknown[] = [];
    endless.push(endless);
    expectError(() => loadTorchScript(path("values.pt")).forward(endless as never), "ERR_ARGUMENT", /nested deeper than 64/);
  });

  test("a frozen one runs, and says that it cannot be trained", async () => {
    const frozen = loadTorchScript(path("frozen.pt"));
    expect([frozen.parameters(), frozen.training]).toEqual([[], false]);
    expect(frozen.forward(zeros([2, 3, 8, 8])).shape).toEqual([2, 4]);
    const warned = new Promise<Error>((resolve) => process.once("warning", resolve));
    frozen.train();
    expect((await warned).message).toMatch(/frozen by torch.jit.freeze: it has no parameters/);
    expectError(() => new SGD(frozen.parameters(), { lr: 0.1 }), "ERR_ARGUMENT", /parameter/);
  });

  test("bytes do as well as a path, scopes leave it alone, and dispose() frees all of it", () => {
    const held = memoryStats().handles;
    const net = scope(() => {
      const made = loadTorchScript(readFileSync(path("script.pt")));
      return made.eval();
    });
    scope(() => expect(net.forward(zeros([1, 3, 8, 8])).shape).toEqual([1, 4]));
    expect(memoryStats().handles).toBe(held + 9);
    net.dispose();
    net.dispose();
    expect(memoryStats().handles).toBe(held);
    expectError(() => net.forward(zeros([1, 3, 8, 8])), "ERR_DISPOSED", /script has been disposed/);
  });
});

describe.skipIf(!hasTorch)("files that are no scripts", () => {
  test("each is an ERR_DATA that says why", () => {
    expectError(() => loadTorchScript(path("absent.pt")), "ERR_DATA", /absent.pt: cannot be read/);
    expectError(() => loadTorchScript(path("weights.pth")), "ERR_DATA", /a file of torch.save; read its weights by loadWeights/);
    expectError(() => loadTorchScript(path("script.npz")), "ERR_DATA", /no TorchScript archive: it lacks "data.pkl"/);
    expectError(() => loadTorchScript(path("boxes.pt")), "ERR_DATA", /uses the operator torchvision::nms, which LibTorch does not have/);
    expectError(() => loadTorchScript(Buffer.from("no zip")), "ERR_DATA", /no TorchScript archive: expected a file of torch.jit.save/);
    writeFileSync(path("short.pt"), readFileSync(path("script.pt")));
    truncateSync(path("short.pt"), 5000);
    expectError(() => loadTorchScript(path("short.pt")), "ERR_DATA", /short.pt: no zip archive, or one cut short/);
    const bytes = readFileSync(path("script.pt"));
    bytes[Math.floor(bytes.indexOf("code/__torch__.py") + 200)]! ^= 1;
    expectError(() => loadTorchScript(bytes), "ERR_DATA", /__torch__.py": (its checksum does not agree|cannot be decompressed)/);
  });

  test("arguments are checked", () => {
    expectError(() => loadTorchScript(5 as never), "ERR_ARGUMENT", /the path of a file, or its bytes/);
    expectError(() => loadTorchScript(path("script.pt"), { devise: "cpu" } as never), "ERR_ARGUMENT", /unknown option 'devise'/);
    expectError(() => loadTorchScript(path("script.pt"), { device: "nonsense" }), "ERR_DEVICE", /device/);
    expectError(() => loadTorchScript(path("script.pt"), { device: "cuda:7" }), "ERR_DEVICE", /CUDA|device/);
    expectError(() => loadTorchScript(path("script.pt"), { device: "meta" }), "ERR_DEVICE", /meta device/);
  });
});

/** Runs a fixture over the compiled package. */
function fixture(name: string, ...args: string[]): Promise<{ code: number | null; signal: string | null; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url)), ...args], { timeout: 120_000, killSignal: "SIGKILL" });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    child.on("error", reject).on("close", (code, signal) => resolve({ code, signal, text }));
  });
}

const MUTATIONS = process.env["DGSAM_FUZZ_WEIGHTS"] ?? "1000";

test.skipIf(!hasTorch).each(["linear-0", "linear-1000", "constant-0", "constant-1000"])("%s: tensors with less memory than they say are refused", (name) => {
  expect(loadTorchScript(path("linear.pt")).parameters().length).toBe(2);
  expectError(() => loadTorchScript(path(`${name}.pt`)), "ERR_DATA", /the archive has less than the 2400 bytes of a tensor of shape \[(3, 200|200, 3)\]/);
});

test.skipIf(!hasTorch)("mutated archives end no process", { timeout: 3_600_000 }, async () => {
  expect(await fixture("mutated-scripts", path("holding.pt"), MUTATIONS)).toMatchObject({ code: 0, signal: null, text: expect.stringMatching(/passed\n$/) as string });
});

test.skipIf(!hasTorch)("worker threads load and run scripts of their own, and end while they hold them", async () => {
  expect(await fixture("script-workers", path("script.pt"))).toEqual({ code: 0, signal: null, text: "passed\n" });
});

test.skipIf(!hasTorch)("random call frames end no process", async () => {
  expect(await fixture("script-frames", path("values.pt"))).toEqual({ code: 0, signal: null, text: "passed\n" });
});
