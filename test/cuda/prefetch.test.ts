/** prefetch() over loaders that take time: batches come in order, and the device's memory goes back, however a loop ends. What needs no device is in test/tensor/stream.test.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  DomainLoader, full, memoryStats, ones, prefetch, resetPeakMemoryStats, scope, synchronize, tensor, type AllocatorStats, type Batch, type Domain, type Minibatch, type Tensor,
} from "dgsam";
import { beforeAll, expect, test } from "vitest";
import { describeOnCuda, longWork } from "./support.js";

const device = "cuda:0";
// 4 MB.
const SIZE = 2 ** 20;

const stats = (): AllocatorStats => memoryStats().devices[device]!;

/** What tensors take, here and there, once no stream is busy with what was freed. */
function held(): object {
  synchronize(device);
  // The allocator hears of it when it is asked for memory.
  ones([1], { device }).dispose();
  const { handles, bytes } = memoryStats();
  const { allocated, active } = stats();
  return { handles, bytes: bytes[device] ?? 0, allocated, active };
}

function free(batches: readonly Batch[]): void {
  for (const { x, y } of batches) {
    x.dispose();
    y.dispose();
  }
}

/** Item i is SIZE times i. The first call takes longest. */
function slowDomain(name: string): Domain & { calls: number; running: number } {
  return {
    name, length: 20, labels: Array.from({ length: 20 }, (_, i) => i % 3), calls: 0, running: 0,
    item: () => { throw new Error("not here"); },
    batch: () => { throw new Error("not here"); },
    async load({ 0: index }) {
      this.running++;
      await sleep(this.calls++ === 0 ? 12 : 2);
      this.running--;
      return { x: full([1, SIZE], index!), y: tensor([BigInt(index!)]) } as Batch;
    },
  };
}

/** A loader's batches, which are freed when the next ones are asked for: they were copied by then. */
async function* passing(loader: DomainLoader): AsyncGenerator<Minibatch[]> {
  for await (const batches of loader) {
    try {
      yield batches;
    } finally {
      free(batches);
    }
  }
}

describeOnCuda("prefetch over a loader", () => {
  // Libraries keep memory from their first call on.
  beforeAll(() => scope(() => void longWork()));

  test("gives each step's batches on the device, in order, whatever the stream is busy with", async () => {
    const make = () => new DomainLoader([slowDomain("s"), slowDomain("t")], { batchSize: 1, seed: 3 });
    const expected: number[] = [];
    for await (const batches of passing(make())) {
      if (expected.push(...batches.map(({ y }) => Number(y.item()))) === 20) break;
    }
    expect(new Set(expected).size).toBeGreaterThan(5);
    // Read at the end alone: reading one would wait for the kernel that the next copy must not overtake.
    const sums: Tensor[] = [];
    for await (const batches of prefetch(passing(make()), device)) {
      expect(batches.map(({ x, y, domain }) => [x.device, y.device, domain])).toEqual([[device, device, "s"], [device, device, "t"]]);
      scope(() => void longWork());
      sums.push(...batches.map(({ x }) => x.sum({ dtype: "float64" })));
      free(batches);
      if (sums.length === 20) break;
    }
    expect(sums.map((each) => each.item())).toEqual(expected.map((each) => SIZE * each));
    for (const each of sums) each.dispose();
  });

  test.each(["break", "return", "throw"])("frees what was not given when the loop is left by %s", async (how) => {
    const before = held();
    const domains = [slowDomain("s"), slowDomain("t")];
    const { allocated } = stats();
    const run = async (): Promise<void> => {
      let steps = 0;
      for await (const batches of prefetch(passing(new DomainLoader(domains, { batchSize: 1 })), device)) {
        // With the next ones.
        expect(stats().allocated - allocated).toBeGreaterThanOrEqual(4 * 4 * SIZE);
        scope(() => void longWork());
        batches.forEach(({ x }) => x.sum().dispose());
        free(batches);
        if (++steps < 3) continue;
        if (how === "throw") throw new Error("mine");
        if (how === "return") return;
        break;
      }
    };
    await run().catch((error: Error) => expect(error.message).toBe("mine"));
    // The loader's own are on their way, still.
    while (domains.some(({ running }) => running > 0)) await sleep(1);
    await sleep(1);
    expect(held()).toEqual(before);
  });

  test("holds no more than the batches that are used and the next ones", async () => {
    held();
    const { allocated } = stats();
    resetPeakMemoryStats(device);
    let steps = 0;
    for await (const batches of prefetch(passing(new DomainLoader([slowDomain("s")], { batchSize: 1 })), device)) {
      free(batches);
      if (++steps === 20) break;
    }
    const peak = stats().peakAllocated - allocated;
    expect(peak).toBeGreaterThanOrEqual(2 * 4 * SIZE);
    expect(peak).toBeLessThan(3 * 4 * SIZE);
  });

  const gone = tensor(0);
  gone.dispose();

  test.each<[string, "source" | "copy", boolean]>([["the source", "source", true], ["a copy", "copy", true], ["the source at once", "source", false], ["a copy at once", "copy", false]])(
    "an error of %s comes after the batches before it, and nothing is left", async (_, where, isLate) => {
      const log: unknown[] = [];
      async function* source(): AsyncGenerator<Tensor[]> {
        const kept = full([SIZE], 7);
        try {
          if (isLate) yield [kept];
          await sleep(2);
          if (where === "source") throw new Error("no more");
          // The first one lies on the device by then.
          yield [kept, gone];
        } finally {
          kept.dispose();
          log.push("closed");
        }
      }
      const before = held();
      const run = async (): Promise<void> => {
        for await (const [x] of prefetch(source(), device)) {
          scope(() => void log.push(x!.device, x!.sum({ dtype: "float64" }).item()));
          x!.dispose();
        }
      };
      await expect(run()).rejects.toThrow(where === "source" ? /^no more$/ : /disposed/);
      expect(log).toEqual(isLate ? ["closed", device, 7 * SIZE] : ["closed"]);
      expect(held()).toEqual(before);
    });
});
