import {
  Adam, autocast, autocastDtype, BatchNorm2d, Conv2d, crossEntropy, DGSAM, EMA, inferenceMode, isAutocastEnabled, LBFGS, Linear, manualSeed, memoryStats, noGrad,
  ones, ops, randn, SAM, scope, SGD, tensor, type AutocastDType, type AutocastOptions, type Closure, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";
import { PASSED, runFixture } from "../native/child.js";
import { closuresIn, MODES } from "../optim/modes.js";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch, type Encoded } from "./pytorch.js";

const inScope = (body: () => void) => (): void => scope(body);

describe.skipIf(!hasTorch)("as torch.autocast(\"cpu\"): dtypes of all results, bits of results and gradients", { timeout: 120_000 }, () => {
  /** A network whose operators are on every list: 16 bits, float32, and as they come. */
  const makeInputs = () => {
    manualSeed(3);
    return {
      x: randn([4, 3, 8, 8]), y: tensor([0n, 2n, 1n, 2n]), cw: randn([5, 3, 3, 3]).mul(0.2), cb: randn([5]), g: ones([5]), lw: randn([3, 180]).mul(0.1), lb: randn([3]),
      m: randn([3, 3]),
    };
  };
  const NAMES = ["cw", "cb", "g", "lw", "lb"] as const;
  const python = (mode: string) => [
    [
      `for p in (${NAMES.join(", ")}): p.requires_grad_()`,
      `with torch.autocast("cpu", ${mode}):`,
      "  c = F.conv2d(x, cw, cb)",
      "  n = F.batch_norm(c, None, None, g, None, True)",
      "  r = F.relu(n)",
      "  f = torch.flatten(r, 1)",
      "  l = F.linear(f, lw, lb)",
      "  s = torch.softmax(l, 1)",
      "  a = l + s",
      "  q = s @ m",
      "  t = torch.cat([l, s])",
      "  with torch.autocast(\"cpu\", enabled=False):",
      "    o = F.linear(f.float(), lw, lb)",
      "  k = F.linear(f, lw, lb)",
      "  e = F.cross_entropy(a, y) + q.float().mean() + o.mean() + k.float().square().mean()",
      "e.backward()",
    ].join("\n"),
    `[c, n, r, f, l, s, a, q, t, o, k, e, ${NAMES.map((name) => `${name}.grad`).join(", ")}]`,
  ] as const;

  /** The same here. Nothing is given back but what the compared list holds. */
  const ours = (options: AutocastOptions): Encoded => {
    const { x, y, m, ...params } = makeInputs();
    const { cw, cb, g, lw, lb } = params;
    for (const each of NAMES) params[each].requiresGrad = true;
    const results = autocast(() => {
      const c = ops.aten.conv2d(x, cw, cb) as Tensor;
      const n = ops.aten.batch_norm(c, g, null, null, null, true, 0.1, 1e-5, true) as Tensor;
      const r = n.relu();
      const f = r.flatten(1);
      const l = ops.aten.linear(f, lw, lb);
      const s = l.softmax(1);
      const a = l.add(s);
      const q = s.matmul(m);
      const t = ops.aten.cat([l, s]);
      const o = autocast(() => ops.aten.linear(f.to("float32"), lw, lb), { enabled: false });
      const k = ops.aten.linear(f, lw, lb);
      const e = crossEntropy(a, y).add(q.to("float32").mean()).add(o.mean()).add(k.to("float32").square().mean());
      return [c, n, r, f, l, s, a, q, t, o, k, e];
    }, options);
    results.at(-1)!.backward();
    return encode([...results, ...NAMES.map((each) => params[each].grad!)]);
  };

  const CASES: [string, AutocastOptions][] = [
    ["dtype=torch.bfloat16", {}],
    ["dtype=torch.bfloat16, cache_enabled=False", { dtype: "bfloat16", cacheEnabled: false }],
    ["dtype=torch.float16", { dtype: "float16" }],
    ["dtype=torch.bfloat16, enabled=False", { enabled: false }],
  ];
  const theirs = scope(() => (hasTorch ? evaluatedByPytorch(CASES.map(([mode]) => python(mode)), makeInputs()) : []));
  test.each(CASES.map(([mode, options], i) => [mode, options, i] as const))("%s", (_, options, i) => scope(() => expect(ours(options)).toEqual(theirs[i])));

  test("the cases differ", () => expect(new Set([theirs[0], theirs[2], theirs[3]].map((each) => JSON.stringify(each))).size).toBe(3));
});

describe("state", () => {
  const state = (): unknown[] => [isAutocastEnabled(), autocastDtype(), isAutocastEnabled("cuda"), autocastDtype("cuda")];
  const OFF = [false, "bfloat16", false, "float16"];

  test("is on inside, and restored, also when fn throws", () => {
    expect(state()).toEqual(OFF);
    expect(autocast(state)).toEqual([true, "bfloat16", false, "float16"]);
    expect(autocast(state, { dtype: "float16" })).toEqual([true, "float16", false, "float16"]);
    expect(autocast(state, { device: "cuda" })).toEqual([false, "bfloat16", true, "float16"]);
    expect(autocast(state, { device: "cuda", dtype: "bfloat16" })).toEqual([false, "bfloat16", true, "bfloat16"]);
    const error = new Error("mine");
    expect(() => autocast(() => { throw error; }, { dtype: "float16" })).toThrow(error);
    expect(state()).toEqual(OFF);
  });

  test("nests: an inner one takes over the dtype unless it names one, and may turn autocast off", () => {
    const seen: unknown[] = [];
    autocast(() => {
      autocast(() => seen.push(state()));
      autocast(() => autocast(() => seen.push(state())), { enabled: false });
      autocast(() => seen.push(state()), { enabled: false, dtype: "bfloat16" });
      autocast(() => seen.push(state()), { device: "cuda" });
      seen.push(state());
    }, { dtype: "float16" });
    expect(seen).toEqual([
      [true, "float16", false, "float16"], [true, "float16", false, "float16"], [false, "bfloat16", false, "float16"],
      [true, "float16", true, "float16"], [true, "float16", false, "float16"],
    ]);
    expect(state()).toEqual(OFF);
  });

  test("mixes with the other modes", inScope(() => {
    const x = ones([2, 2], { requiresGrad: true });
    const y = noGrad(() => autocast(() => x.matmul(x)));
    const z = inferenceMode(() => autocast(() => x.matmul(x)));
    expect([y.dtype, y.requiresGrad, z.dtype, z.isInference]).toEqual(["bfloat16", false, "bfloat16", true]);
    expect(autocast(() => inferenceMode(() => x.matmul(x).dtype))).toBe("bfloat16");
    expect([x.matmul(x).dtype, ...state()]).toEqual(["float32", ...OFF]);
    // A cast that noGrad made does not stand in for one that is differentiated.
    autocast(() => {
      noGrad(() => x.matmul(x));
      return x.matmul(x).to("float32").sum();
    }).backward();
    expect(x.grad!.toArray()).toEqual([[4, 4], [4, 4]]);
  }));
});

describe("casts of parameters", () => {
  const parameter = (value: number): Tensor => tensor([[value]], { requiresGrad: true });
  const x = (): Tensor => ones([1, 1]);

  test("are kept until the outermost autocast ends, and not longer", inScope(() => {
    const w = parameter(1);
    const product = (): unknown => x().matmul(w).item();
    const change = (value: number): void => void noGrad(() => w.fill_(value));
    autocast(() => {
      expect(product()).toBe(1);
      change(2);
      // As in PyTorch: the cast is the old one.
      expect(product()).toBe(1);
      autocast(() => expect(product()).toBe(1));
      expect(product()).toBe(1);
      autocast(() => expect(product()).toBe(2), { cacheEnabled: false });
      expect(autocast(() => autocast(product), { cacheEnabled: false })).toBe(2);
      expect(product()).toBe(1);
    });
    expect(autocast(product)).toBe(2);
    expect(() => autocast(() => { product(); throw new Error("mine"); })).toThrow("mine");
    change(3);
    expect(autocast(product)).toBe(3);
  }));

  test("are forgotten when an optimizer moves the parameters", inScope(() => {
    for (const Base of [SGD, Adam]) {
      const w = parameter(1);
      const optimizer = new Base([w], { lr: 0.5 });
      autocast(() => {
        const before = x().matmul(w).item();
        w.grad = ones([1, 1]);
        autocast(() => optimizer.step(), { enabled: false });
        expect([before, x().matmul(w).item()]).toEqual([1, 0.5]);
      });
    }
  }));

  test.each(MODES)("are forgotten when a climb moves the parameters: a whole step may lie inside, or its closures, %s", (mode) => inScope(() => {
    const step = (Optimizer: typeof SAM | typeof DGSAM, place: "step" | "closures" | "nowhere"): unknown => {
      manualSeed(5);
      const [w, data] = [randn([8, 3], { requiresGrad: true }), [randn([16, 8]), randn([16, 8])]];
      const y = tensor(Array.from({ length: 16 }, (_, i) => BigInt(i % 3)));
      const optimizer = new Optimizer([w], SGD, { lr: 1, rho: 0.5 });
      const inside = place === "closures" ? autocast : <T>(fn: () => T): T => fn();
      const closureOf = closuresIn(mode, (x: Tensor) => inside(() => crossEntropy(x.matmul(w), y)));
      const closuresOf = (): Closure[] => data.map((x) => closureOf(x));
      const closures = place === "step" ? autocast(closuresOf) : closuresOf();
      const run = (): unknown => (optimizer instanceof DGSAM ? optimizer.step(closures) : optimizer.step(closures[0]!));
      const result = place === "step" ? autocast(run) : run();
      return [result, w.toArray()];
    };
    for (const Optimizer of [SAM, DGSAM]) {
      expect(step(Optimizer, "step")).toEqual(step(Optimizer, "closures"));
      expect(step(Optimizer, "nowhere")).not.toEqual(step(Optimizer, "closures"));
    }
  })());

  test("are forgotten when LBFGS, an average or a state dict moves the parameters", inScope(() => {
    const w = parameter(1);
    const product = () => x().matmul(w).item();
    const ema = new EMA([w]);
    ema.update();
    noGrad(() => w.fill_(2));
    autocast(() => {
      expect([product(), ema.swap(product), product()]).toEqual([2, 1, 2]);
      ema.copyTo();
      expect(product()).toBe(1);
      const layer = new Linear(1, 1, { bias: false });
      layer.forward(x());
      layer.loadStateDict({ weight: tensor([[3]]) });
      expect(layer.forward(x()).item()).toBe(3);
      const lbfgs = new LBFGS([w], { maxIter: 1, lr: 0.25 });
      // The gradient of w^2 in 16 bits at 1 is 2.
      lbfgs.step(() => x().matmul(w).float().square().sum());
      expect(product()).toBe(w.item());
      expect(w.item()).not.toBe(1);
    });
  }));

  test("hold no handle, and outlive neither scope nor dispose()", () => {
    const { handles } = memoryStats();
    autocast(() => {
      for (let i = 1; i <= 50; i++)
        scope(() => {
          // New parameters may lie where those of the last turn lay.
          const w = parameter(i);
          expect(x().matmul(w).item()).toBe(i);
          w.dispose();
          expectError(() => x().matmul(w), "ERR_DISPOSED", /./);
        });
      expect(memoryStats().handles).toBe(handles);
    });
    const kept = scope(() => autocast(() => scope(() => x().matmul(parameter(3)))));
    expect([kept.dtype, kept.item(), memoryStats().handles]).toEqual(["bfloat16", 3, handles + 1]);
    kept.dispose();
  });
});

test("layers and their training go through it", inScope(() => {
  manualSeed(1);
  const [conv, norm, head] = [new Conv2d(1, 4, 3), new BatchNorm2d(4), new Linear(4, 2)];
  const optimizer = new Adam([conv, norm, head].flatMap((each) => [...each.parameters()]), { lr: 0.05 });
  const [images, labels] = [randn([16, 1, 6, 6]), tensor(Array.from({ length: 16 }, (_, i) => BigInt(i % 2)))];
  const losses = Array.from({ length: 40 }, () => {
    optimizer.zeroGrad();
    const loss = autocast(() => crossEntropy(head.forward(norm.forward(conv.forward(images)).relu().mean([2, 3])), labels));
    expect(loss.dtype).toBe("float32");
    loss.backward();
    optimizer.step();
    return loss.item() as number;
  });
  expect([conv.weight.grad!.dtype, head.weight.grad!.dtype]).toEqual(["float32", "float32"]);
  expect(losses.at(-1)!).toBeLessThan(0.5 * losses[0]!);
}));

test("no other thread sees it, and a worker that is terminated inside leaves nothing", { timeout: 90_000 }, async () => {
  expect(await runFixture("autocast", { nodeArgs: ["--no-warnings"] })).toEqual(PASSED);
});

test("errors", () => {
  const state = [isAutocastEnabled(), autocastDtype()];
  expectError(() => autocast(3 as never), "ERR_ARGUMENT", /^autocast\(fn\): expected a function, got the number 3$/);
  // @ts-expect-error the types refuse a promise too
  expectError(() => autocast(async () => 1), "ERR_ARGUMENT", /^autocast\(fn\): fn returned a promise, but the mode ends when fn returns/);
  expectError(() => autocast(() => 1, { dtype: "float32" as AutocastDType }), "ERR_ARGUMENT", /^autocast: dtype: expected "bfloat16" or "float16", got the string "float32"$/);
  expectError(() => autocast(() => 1, { device: "meta" as never }), "ERR_ARGUMENT", /^autocast: device: expected "cpu" or "cuda", got the string "meta"$/);
  expectError(() => autocast(() => 1, { enabled: 1 as never }), "ERR_ARGUMENT", /^autocast: enabled: expected a boolean/);
  expectError(() => autocast(() => 1, { cacheEnabled: null as never }), "ERR_ARGUMENT", /^autocast: cacheEnabled: expected a boolean/);
  expectError(() => autocast(() => 1, { cache_enabled: true } as never), "ERR_ARGUMENT", /^autocast: unknown option 'cache_enabled'; the options are device, dtype, enabled, cacheEnabled$/);
  expectError(() => isAutocastEnabled("cuda:0" as never), "ERR_ARGUMENT", /^isAutocastEnabled\(device\): expected "cpu" or "cuda"/);
  expectError(() => autocastDtype(null as never), "ERR_ARGUMENT", /^autocastDtype\(device\): expected "cpu" or "cuda", got null$/);
  expect([isAutocastEnabled(), autocastDtype()]).toEqual(state);
});
