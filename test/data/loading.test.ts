/** Loaders over domains that take time: order, backpressure, what is freed when. */
import {
  type Batch, type Domain, DomainLoader, type DomainLoaderOptions, DomainSampler, type Generator, imageDataset, Loader, memoryStats, type Minibatch, ops, scope, scopeAsync, type Tensor, tensor,
} from "dgsam";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { counting } from "./domains.js";
import { expectError } from "./errors.js";
import { small } from "./images/images.js";

interface SlowDomain extends Domain {
  readonly calls: number[][];
  running: number;
  mostRunning: number;
}

/** Item i holds i and what its generator draws. Loading takes a few milliseconds, the first call of all the longest; call `failing` fails. */
function slow(name: string, length: number, { failing = -1, deaf = false } = {}): SlowDomain {
  const make = (indices: ArrayLike<number>, generator?: Generator): Batch => scope(() => {
    const x = tensor(Float32Array.from(indices));
    return { x: generator === undefined ? x : ops.aten["stack.default"]([x, ops.aten["rand.generator"]([indices.length], { generator })], 1), y: tensor(BigInt64Array.from(indices, BigInt)) } as Batch;
  });
  return {
    name, length, labels: Array.from({ length }, (_, i) => i % 3), calls: [], running: 0, mostRunning: 0,
    item: () => { throw new Error("not here"); },
    batch: (indices, options) => make(indices, options?.generator),
    async load(indices, { generator, signal } = {}) {
      const call = this.calls.push(Array.from(indices)) - 1;
      this.mostRunning = Math.max(this.mostRunning, ++this.running);
      try {
        await sleep(call === 0 ? 12 : 2, undefined, deaf ? {} : { signal });
        if (call === failing) throw new Error(`call ${call} failed`);
        return make(indices, generator);
      } finally {
        this.running--;
      }
    },
  };
}

const contents = (minibatches: readonly Minibatch[]) => minibatches.map(({ x, y, domain }) => [domain, [...x.data()], [...y.data()]]);

function free(batches: readonly Batch[]): void {
  for (const { x, y } of batches) {
    x.dispose();
    y.dispose();
  }
}

/** What they hold; they are freed, so that no garbage of one test is collected while another counts. */
function consumed(minibatches: readonly Minibatch[]) {
  const held = contents(minibatches);
  free(minibatches);
  return held;
}

async function take(loader: DomainLoader, count: number): Promise<unknown[]> {
  const taken: unknown[] = [];
  for await (const minibatches of loader) {
    taken.push(contents(minibatches));
    free(minibatches);
    if (taken.length === count) break;
  }
  return taken;
}

/** Until what was on its way has come and was freed. */
async function settled(domains: readonly SlowDomain[]): Promise<void> {
  while (domains.some(({ running }) => running > 0)) await sleep(1);
  await sleep(1);
}

describe("for await over a DomainLoader", () => {
  test("gives the minibatches of next(), of domains in memory and of those that load, whatever the prefetch", async () => {
    const make = (prefetch: number) => new DomainLoader([slow("s", 20), counting("m", 30)], { batchSize: [4, 5], seed: 3, prefetch });
    const loader = make(0);
    const expected = Array.from({ length: 7 }, () => consumed(loader.next()));
    expect(new Set(expected.map((each) => JSON.stringify(each, (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value)))).size).toBe(7);
    for (const prefetch of [0, 1, 2, 5]) expect(await take(make(prefetch), 7)).toEqual(expected);
    const single = make(2);
    for (const step of expected) expect(consumed(await single.loadNext())).toEqual(step);
  });

  test("has so many steps on their way and no more, all at once", async () => {
    for (const prefetch of [0, 2, 4]) {
      const domain = slow("s", 20);
      const loader = new DomainLoader([domain], { batchSize: 2, prefetch });
      for await (const minibatches of loader) {
        free(minibatches);
        await sleep(20); // long enough for more
        expect(domain.calls.length).toBe(loader.step + prefetch);
        if (loader.step === 3) break;
      }
      expect(domain.mostRunning).toBe(prefetch + 1);
    }
  });

  test("counts what was given, not what was prefetched: a loader restored from there goes on bit for bit", async () => {
    const options: DomainLoaderOptions = { batchSize: 3, seed: 8 };
    const all = await take(new DomainLoader([slow("s", 20), slow("t", 9)], options), 8);
    for (const at of [1, 4]) {
      const loader = new DomainLoader([slow("s", 20), slow("t", 9)], { ...options, prefetch: 3 });
      await take(loader, at);
      expect(loader.state().step).toBe(at);
      const resumed = new DomainLoader([slow("s", 20), slow("t", 9)], { ...options, prefetch: 1 });
      resumed.restore(JSON.parse(JSON.stringify(loader.state())));
      expect(await take(resumed, 8 - at)).toEqual(all.slice(at));
      expect(await take(loader, 8 - at)).toEqual(all.slice(at)); // and the same loader after a break
    }
  });

  test("follows restore() in the middle of a loop, and frees what was made for the other place", async () => {
    const before = memoryStats().handles;
    const domain = slow("s", 20);
    const loader = new DomainLoader([domain], { batchSize: 3 });
    const start = loader.state();
    const seen: unknown[] = [];
    for await (const minibatches of loader) {
      seen.push(contents(minibatches));
      free(minibatches);
      if (seen.length === 2) loader.restore(start);
      if (seen.length === 4) break;
    }
    expect(seen.slice(2)).toEqual(seen.slice(0, 2));
    await settled([domain]);
    expect(memoryStats().handles).toBe(before);
  });

  test.each(["break", "return", "throw"])("frees what was prefetched when the loop is left by %s", async (how) => {
    const before = memoryStats().handles;
    const domains = [slow("s", 20), slow("t", 9)];
    const loader = new DomainLoader(domains, { batchSize: 3, prefetch: 3 });
    const run = async (): Promise<void> => {
      for await (const minibatches of loader) {
        expect(memoryStats().handles - before).toBeGreaterThanOrEqual(4);
        free(minibatches);
        if (loader.step < 2) continue;
        if (how === "throw") throw new Error("mine");
        if (how === "return") return;
        break;
      }
    };
    await run().catch((error: Error) => expect(error.message).toBe("mine"));
    const calls = domains[0]!.calls.length;
    await settled(domains);
    await sleep(20);
    expect(domains[0]!.calls.length).toBe(calls);
    expect(memoryStats().handles).toBe(before);
  });

  test.each([false, true])("ends at an abort with its reason and frees what was prefetched; domain deaf to signals: %s", async (deaf) => {
    const before = memoryStats().handles;
    const domains = [slow("s", 20, { deaf })];
    const stop = new AbortController();
    const loader = new DomainLoader(domains, { batchSize: 3, prefetch: 3, signal: stop.signal });
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 30);
    const run = async () => { for await (const minibatches of loader) { free(minibatches); await sleep(5); } };
    await expect(run()).rejects.toBe(reason);
    await settled(domains);
    expect(memoryStats().handles).toBe(before);
    await expect(loader.loadNext()).rejects.toBe(reason);
    await expect(new DomainLoader(domains, { batchSize: 3 }).loadNext({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  test("shows an error at the step it belongs to, after the steps before it, and does not take that step", async () => {
    const before = memoryStats().handles;
    const domains = [slow("s", 20, { failing: 3 }), slow("t", 20)];
    const loader = new DomainLoader(domains, { batchSize: 3, prefetch: 5 });
    const run = async () => { for await (const minibatches of loader) { free(minibatches); await sleep(15); } };
    await expect(run()).rejects.toThrow("call 3 failed");
    expect(loader.step).toBe(3);
    await settled(domains);
    expect(memoryStats().handles).toBe(before);
    expect(await take(loader, 1)).toHaveLength(1); // the call is another now
  });

  test("lets timers in, also where everything is in memory", async () => {
    let fired = 0;
    const timer = setInterval(() => fired++, 5);
    const started = performance.now();
    for await (const minibatches of new DomainLoader([counting("m", 30)], { batchSize: 5 })) {
      free(minibatches);
      if (performance.now() - started > 100) break;
    }
    clearInterval(timer);
    expect(fired).toBeGreaterThan(5);
  });

  test("keeps later steps out of the scope that takes an earlier one", async () => {
    const loader = new DomainLoader([slow("s", 20), counting("m", 30)], { batchSize: 3 });
    const steps = loader[Symbol.asyncIterator]();
    for (let step = 0; step < 4; step++) {
      await scopeAsync(async () => {
        const { value } = await steps.next();
        expect(consumed(value as Minibatch[])).toHaveLength(2); // ERR_DISPOSED if the scope before had freed it
      });
    }
    await steps.return!(undefined as never);
  });

  test("refuses two loadNext() at once, and bad options", async () => {
    const loader = new DomainLoader([slow("s", 20)], { batchSize: 3 });
    const both = await Promise.allSettled([loader.loadNext(), loader.loadNext()]);
    for (const each of both) if (each.status === "fulfilled") free(each.value);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((both.find(({ status }) => status === "rejected") as PromiseRejectedResult).reason).toMatchObject({ code: "ERR_STATE" });
    expect(loader.step).toBe(1);
    const refuses = (options: object, message: RegExp) => expectError(() => new DomainLoader([counting("m", 5)], { batchSize: 2, ...options }), "ERR_ARGUMENT", message);
    refuses({ prefetch: -1 }, /^DomainLoader: prefetch/);
    refuses({ balanced: 1 }, /^DomainLoader: balanced: expected a boolean/);
    refuses({ signal: {} }, /^DomainLoader: signal: expected an AbortSignal/);
  });

  test("augments images alike whatever is prefetched and wherever a run was resumed, and domains independently", async () => {
    const augment = (x: Tensor, generator: Generator) => scope(() => ops.aten.add(ops.aten["div.Scalar"](x, 255), ops.aten["rand.generator"]([x.shape[0]!, 1, 1, 1], { generator })));
    using dataset = imageDataset(await small(), { imageSize: 4, cache: false, augment, normalize: false });
    const make = (prefetch: number) => new DomainLoader(dataset.domains, { batchSize: 3, prefetch });
    const all = await take(make(0), 4);
    expect(await take(make(3), 4)).toEqual(all);
    const resumed = make(1);
    resumed.restore({ ...resumed.state(), step: 2 });
    expect(await take(resumed, 2)).toEqual(all.slice(2));
    await dataset.prepare();
    expect(consumed(make(0).next())).toEqual(all[0]);
    expect(consumed(new DomainLoader([dataset.domains[1]!], { batchSize: 3 }).next())).toEqual([(all[0] as unknown[])[1]]);
  });
});

describe("balanced sampling", () => {
  // 90 of class 0, 9 of class 1, 1 of class 5; no other class has items.
  const labels = Array.from({ length: 100 }, (_, i) => (i < 90 ? 0 : i < 99 ? 1 : 5));

  test("with replacement draws classes uniformly, and items uniformly in each", () => {
    const sampler = new DomainSampler({ name: "a", length: 100, batchSize: 10, seed: 0, balanceBy: labels });
    const counts = new Array<number>(100).fill(0);
    for (let step = 0; step < 3000; step++) for (const index of sampler.indices(step)) counts[index]!++;
    const ofClass = [0, 1, 5].map((label) => counts.filter((_, i) => labels[i] === label).reduce((a, b) => a + b, 0));
    const chiSquare = (seen: readonly number[], each: number) => seen.reduce((sum, count) => sum + (count - each) ** 2 / each, 0);
    expect(chiSquare(ofClass, 10_000)).toBeLessThan(13.8); // 2 degrees of freedom: 0.999
    expect(chiSquare(counts.slice(0, 90), ofClass[0]! / 90)).toBeLessThan(135); // 89
    expect([...sampler.indices(7)]).toEqual([...new DomainSampler({ name: "a", length: 100, batchSize: 10, seed: 0, balanceBy: labels }).indices(7)]);
  });

  test("shuffled has each class once in a run of as many, and repeats no item before its class is dealt out", () => {
    const sampler = new DomainSampler({ name: "a", length: 100, batchSize: 9, seed: 1, sampling: "shuffle", balanceBy: labels });
    const round = Array.from({ length: 11 }, (_, step) => [...sampler.indices(step)]).flat();
    for (let at = 0; at < round.length; at += 3) expect(round.slice(at, at + 3).map((i) => labels[i]!).sort()).toEqual([0, 1, 5]);
    const first = round.filter((i) => labels[i] === 0);
    expect(new Set(first).size).toBe(33);
    const second = round.filter((i) => labels[i] === 1);
    expect([new Set(second.slice(0, 9)).size, new Set(second.slice(9, 18)).size]).toEqual([9, 9]);
    expect(second.slice(0, 9)).not.toEqual(second.slice(9, 18));
  });

  test("is an option of the loader, part of its state, and refuses labels of another length", () => {
    const domain = { ...slow("s", 100), labels };
    const loader = new DomainLoader([domain], { batchSize: 30, balanced: true });
    const drawn = Array.from({ length: 20 }, () => (consumed(loader.next())[0]![2] as bigint[]).map((i) => labels[Number(i)]!)).flat();
    expect(drawn.filter((label) => label === 5).length).toBeGreaterThan(150); // of 600; 6 without
    expectError(() => new DomainLoader([domain], { batchSize: 30 }).restore(loader.state()), "ERR_STATE", /balanced is true there, false here/);
    const plain = new DomainLoader([domain], { batchSize: 30 });
    const { balanced, ...old } = plain.state();
    expect(balanced).toBe(false);
    plain.restore({ ...old, step: 4 });
    expect(plain.step).toBe(4);
    expectError(() => new DomainSampler({ name: "a", length: 3, batchSize: 1, seed: 0, balanceBy: [0] }), "ERR_ARGUMENT", /balanceBy: expected the classes of 3 items, got 1/);
  });
});

describe("Loader", () => {
  test.each([0, 2, 9])("goes through a domain once, in order, each time: prefetch %s", async (prefetch) => {
    for (const domain of [slow("s", 10), counting("m", 10)]) {
      const loader = new Loader(domain, { batchSize: 4, prefetch });
      expect(loader.length).toBe(3);
      const read = (batch: Batch) => {
        const held = [[...batch.x.data()], [...batch.y.data()]];
        free([batch]);
        return held;
      };
      const expected = [...loader].map(read);
      expect(expected.map(([, y]) => y!.length)).toEqual([4, 4, 2]);
      for (let time = 0; time < 2; time++) {
        const seen: unknown[] = [];
        for await (const batch of loader) seen.push(read(batch));
        expect(seen).toEqual(expected);
      }
      if ("calls" in domain) expect(domain.calls.map((each) => each.length)).toEqual([4, 4, 2, 4, 4, 2]);
    }
  });

  test("frees what was prefetched when the loop is left, and at an abort", async () => {
    const before = memoryStats().handles;
    const domain = slow("s", 100);
    for await (const batch of new Loader(domain, { batchSize: 4 })) {
      free([batch]);
      break;
    }
    const stop = new AbortController();
    const run = async () => { for await (const batch of new Loader(domain, { batchSize: 4, signal: stop.signal })) { free([batch]); stop.abort(new Error("enough")); } };
    await expect(run()).rejects.toThrow("enough");
    await settled([domain]);
    expect(memoryStats().handles).toBe(before);
  });

  test("refuses what is no domain, and bad options", () => {
    expectError(() => new Loader({} as Domain), "ERR_ARGUMENT", /^Loader: domain: expected a Domain/);
    expectError(() => new Loader(counting("m", 3), { batchSize: 0 }), "ERR_ARGUMENT", /^Loader: batchSize/);
    expectError(() => new Loader(counting("m", 3), { size: 3 } as object), "ERR_ARGUMENT", /unknown option 'size'/);
  });
});
