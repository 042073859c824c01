import { spawnSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { arange, DgsamError, keep, memoryStats, randn, scope, scopeAsync, tensor, Tensor, zeros, type DgsamErrorCode } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectError } from "../data/errors.js";

const live = (): number => memoryStats().handles;

/** Runs `body` and expects it to leave as many handles as it found. */
function balanced(body: () => void): () => void {
  return () => {
    const before = live();
    body();
    expect(live()).toBe(before);
  };
}

describe("scope", () => {
  test("frees all that fn made but what it returns", () => {
    const before = live();
    const kept = scope(() => {
      zeros([2]).add(1).mul(2);
      expect(live()).toBe(before + 3);
      return zeros([3]).add(4);
    });
    expect([live(), kept.toArray()]).toEqual([before + 1, [4, 4, 4]]);
    kept.dispose();
    expect(live()).toBe(before);
  });

  test("what is returned inside arrays, objects, maps and sets survives, at any depth", () => {
    const before = live();
    const made = scope(() => {
      zeros([9]);
      const shared = tensor(1);
      return {
        list: [tensor(2), [tensor(3)]], map: new Map<unknown, unknown>([["a", tensor(4)], [tensor(5), 1]]), set: new Set([tensor(6)]), shared,
        again: shared, text: "x", none: null,
      };
    });
    expect(live()).toBe(before + 6);
    const tensors = [
      made.shared, made.list[0] as Tensor, (made.list[1] as Tensor[])[0]!, made.map.get("a") as Tensor, [...made.map.keys()][1] as Tensor,
      [...made.set][0]!,
    ];
    expect(tensors.map((each) => each.item())).toEqual([1, 2, 3, 4, 5, 6]);
    for (const each of tensors) each.dispose();
    expect(live()).toBe(before);
  });

  test("objects that refer to themselves are walked once", balanced(() => {
    const loop: { self?: unknown; made?: Tensor } = {};
    loop.self = loop;
    const made = scope(() => {
      loop.made = tensor(1);
      return loop;
    });
    made.made!.dispose();
  }));

  test("frees all when fn throws, and the error comes through", balanced(() => {
    const error = new Error("mine");
    expect(() => scope(() => {
      zeros([3]);
      throw error;
    })).toThrow(error);
  }));

  test("nests: what survives an inner scope belongs to the outer one", balanced(() => {
    const before = live();
    scope(() => {
      const outer = zeros([1]);
      const inner = scope(() => {
        zeros([1]);
        return scope(() => [zeros([1]), zeros([1])]);
      });
      expect([live() - before, inner.length, outer.disposed]).toEqual([3, 2, false]);
      expect(() => scope(() => {
        zeros([5]);
        throw new Error("inner");
      })).toThrow("inner");
      expect(live() - before).toBe(3);
    });
  }));

  test("a tensor disposed inside is not freed twice", balanced(() => {
    scope(() => {
      const x = zeros([1]);
      x.dispose();
      x.dispose();
      zeros([1]);
    });
  }));

  test("what was made outside stays", () => {
    const x = zeros([1]);
    expect([scope(() => x) === x, x.disposed]).toEqual([true, false]);
    x.dispose();
  });

  test("keep takes a tensor out of every scope", () => {
    const before = live();
    const kept: Tensor[] = [];
    scope(() => scope(() => void kept.push(keep(zeros([1])), keep(keep(tensor(3))))));
    expect([live() - before, kept[1]!.item()]).toEqual([2, 3]);
    for (const each of kept) each.dispose();
    expectError(() => keep(3 as never), "ERR_ARGUMENT", /^keep\(tensor\): expected a Tensor, got the number 3$/);
  });

  test("refuses a promise, and frees what was made before it", balanced(() => {
    // @ts-expect-error the types refuse a promise too
    expectError(() => scope(async () => zeros([1])), "ERR_ARGUMENT", /^scope\(fn\): fn returned a promise.*use scopeAsync\(fn\)/);
    expectError(() => scope("x" as never), "ERR_ARGUMENT", /^scope\(fn\): expected a function, got the string "x"$/);
  }));

  test("frees more handles than the call frame holds", balanced(() => {
    scope(() => {
      for (let i = 0; i < 10_000; i++) tensor(i);
    });
  }));

  test("any nesting of makes, keeps, returns and throws leaves exactly what was handed out", () => {
    type Step = { make: number; keep: boolean; returns: boolean; throws: boolean; inner: Step[] };
    const step = fc.letrec<{ step: Step; leaf: Step; node: Step }>((tie) => {
      const own = { make: fc.integer({ min: 0, max: 3 }), keep: fc.boolean(), returns: fc.boolean(), throws: fc.boolean() };
      return {
        leaf: fc.record({ ...own, inner: fc.constant([]) }),
        node: fc.record({ ...own, inner: fc.array(tie("step"), { maxLength: 3 }) }),
        step: fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("node")),
      };
    }).step;
    fc.assert(fc.property(step, (root) => {
      const before = live();
      const kept: Tensor[] = [];
      const run = ({ make, keep: keeps, returns, throws, inner }: Step): Tensor[] => {
        try {
          return scope(() => {
            const made = Array.from({ length: make }, () => zeros([1]));
            const survivors = inner.flatMap(run);
            if (keeps && made.length > 0) kept.push(keep(made[0]!));
            if (throws) throw new Error("thrown");
            return returns ? [...made, ...survivors] : [];
          });
        } catch {
          return [];
        }
      };
      const survivors = new Set([...run(root), ...kept]);
      expect(live() - before).toBe(survivors.size);
      for (const each of survivors) each.dispose();
      expect(live()).toBe(before);
    }));
  });
});

describe("scopeAsync", () => {
  test("ends when its promise settles", async () => {
    const before = live();
    const kept = await scopeAsync(async () => {
      const x = zeros([1]);
      await sleep(1);
      zeros([1]);
      const y = x.add(1);
      await sleep(1);
      expect(live()).toBe(before + 3);
      return { y };
    });
    expect([live(), kept.y.item()]).toEqual([before + 1, 1]);
    kept.y.dispose();
  });

  test("frees all when fn rejects or throws at once", async () => {
    const before = live();
    await expect(scopeAsync(async () => {
      zeros([1]);
      await sleep(1);
      zeros([1]);
      throw new Error("late");
    })).rejects.toThrow("late");
    await expect(scopeAsync(() => {
      zeros([1]);
      throw new Error("early");
    })).rejects.toThrow("early");
    expect(live()).toBe(before);
  });

  test("two at a time do not mix", async () => {
    const before = live();
    const run = (pause: number) => scopeAsync(async () => {
      for (let i = 0; i < 5; i++) {
        zeros([1]);
        await sleep(pause);
      }
      return tensor(pause);
    });
    const [a, b] = await Promise.all([run(1), run(2)]);
    expect([live() - before, a.item(), b.item()]).toEqual([2, 1, 2]);
    a.dispose();
    b.dispose();
  });

  test("a synchronous scope inside frees for itself", async () => {
    const before = live();
    await scopeAsync(async () => {
      scope(() => zeros([1]).add(1));
      await sleep(1);
      expect(live()).toBe(before + 1);
      return scope(() => void zeros([1]));
    });
    expect(live()).toBe(before);
  });

  test("refuses anything but a function", async () => {
    await expect(scopeAsync(3 as never)).rejects.toMatchObject({ code: "ERR_ARGUMENT" satisfies DgsamErrorCode, message: "scopeAsync(fn): expected a function, got the number 3" });
  });
});

describe("dispose", () => {
  test("may be called twice; using and Symbol.dispose call it", balanced(() => {
    const x = zeros([1]);
    expect(x.disposed).toBe(false);
    x[Symbol.dispose]();
    x.dispose();
    expect(x.disposed).toBe(true);
  }));

  test("a view keeps the memory, not the handle", balanced(() => {
    const x = arange(6);
    const y = x.view(2, 3);
    x.dispose();
    expect(y.toArray()).toEqual([[0, 1, 2], [3, 4, 5]]);
    y.dispose();
  }));

  test("every later use is an ERR_DISPOSED", () => {
    const x = zeros([2, 2]);
    x.dispose();
    const uses: Record<string, (t: Tensor) => unknown> = {
      shape: (t) => t.shape, dtype: (t) => t.dtype, ndim: (t) => t.ndim, numel: (t) => t.numel, device: (t) => t.device, layout: (t) => t.layout,
      strides: (t) => t.strides, isLeaf: (t) => t.isLeaf,
      isInference: (t) => t.isInference, requiresGrad: (t) => t.requiresGrad, "requiresGrad =": (t) => { t.requiresGrad = true; },
      grad: (t) => t.grad, "grad =": (t) => { t.grad = null; }, version: (t) => t.version,
      item: (t) => t.item(), toArray: (t) => t.toArray(), data: (t) => t.data(), toBytes: (t) => t.toBytes(), to: (t) => t.to("float64"),
      backward: (t) => t.backward(), retainGrad: (t) => t.retainGrad(), detach: (t) => t.detach(),
      add: (t) => t.add(1), "add (second)": (t) => zeros([1]).add(t), add_: (t) => t.add_(1), sum: (t) => t.sum(), T: (t) => t.T,
      size: (t) => t.size(0), iterate: (t) => [...t], where: (t) => t.where(t, t), cuda: (t) => t.cpu(),
      gradOf: (t) => tensor([1], { requiresGrad: true }).sum().backward(t),
    };
    scope(() => {
      for (const [name, use] of Object.entries(uses)) {
        let thrown: unknown;
        try {
          use(x);
        } catch (error) {
          thrown = error;
        }
        expect([name, thrown instanceof DgsamError && thrown.code]).toEqual([name, "ERR_DISPOSED"]);
      }
      expectError(() => x.add(1), "ERR_DISPOSED", /^aten::add\.Tensor: argument 'self': .*(disposed|released|freed)/);
    });
  });

  test("a tensor of an ended scope likewise", () => {
    let escaped: Tensor | undefined;
    scope(() => {
      escaped = zeros([1]);
    });
    expect(escaped!.disposed).toBe(true);
    expectError(() => escaped!.item(), "ERR_DISPOSED", /./);
  });
});

describe("memoryStats", () => {
  test("counts handles, and each storage's bytes once", () => {
    scope(() => {
      const before = memoryStats();
      const x = zeros([1000]);
      x.view(10, 100);
      x.slice(0, 1, 2);
      const after = memoryStats();
      expect([after.handles - before.handles, after.bytes["cpu"]! - (before.bytes["cpu"] ?? 0)]).toEqual([3, 4000]);
    });
  });
});

describe("the process", () => {
  // One line on standard output: resident megabytes gained by a loop that makes 1200 MB of tensors.
  const LOOP = `
    import { scope, zeros } from "dgsam";
    const resident = () => process.memoryUsage.rss() / 2 ** 20;
    const pass = () => scope(() => { for (let i = 0; i < 4; i++) zeros([250_000]).add(1); });
    for (let i = 0; i < 20; i++) pass();
    const before = resident();
    for (let i = 0; i < 150; i++) pass();
    console.log(resident() - before);`;

  test("does not grow in a synchronous loop of scopes", { timeout: 60_000 }, () => {
    const { stdout, stderr, status } = spawnSync(process.execPath, ["--input-type=module", "-e", LOOP], { cwd: new URL("../..", import.meta.url), encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    expect(Number(stdout)).toBeLessThan(64);
  });

  // External memory is told to V8, so garbage collection comes in time although each object is tiny.
  const WITHOUT_SCOPES = `
    import { setImmediate } from "node:timers/promises";
    import { zeros } from "dgsam";
    let most = 0;
    for (let i = 0; i < 600; i++) {
      zeros([2_000_000]);
      if (i % 10 === 0) await setImmediate();
      most = Math.max(most, process.memoryUsage.rss() / 2 ** 20);
    }
    console.log(most);`;

  test("stays bounded without scopes where the event loop turns", { timeout: 60_000 }, () => {
    const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", WITHOUT_SCOPES], { cwd: new URL("../..", import.meta.url), encoding: "utf8" });
    expect(status).toBe(0);
    // All of them would take 4,800 MB; some 500 is usual. On a busy machine the collector, which marks in threads of its own, comes later.
    expect(Number(stdout)).toBeLessThan(1600);
  });
});

describe("a big result inside a scope", () => {
  test("is whole", balanced(() => {
    scope(() => {
      const x = randn([10_000]);
      const sum = x.unbind().reduce((total, each) => total.add(each), tensor(0));
      expect(Math.abs((sum.item() as number) - (x.sum().item() as number))).toBeLessThan(0.05);
    });
  }));
});
