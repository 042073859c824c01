/** Domains that read and decode: minibatches come ahead of the steps, and what fails shows at its step. */
import { setTimeout as sleep } from "node:timers/promises";
import { compareAlgorithms, DgsamError, evaluate, evaluateLoading, InMemoryDomain, memoryStats, MLP, train, type Batch, type Domain, type DomainDataset, type RunRecord } from "dgsam";
import { expect, test } from "vitest";

const SETTINGS = { algorithm: "DGSAM", steps: 8, batchSize: 4, lr: 0.01, rho: 0.05, seed: 1 } as const;
const makeModel = () => new MLP([4, 2]);

function memory(name: string, shift: number): InMemoryDomain {
  return new InMemoryDomain({ name, x: Float32Array.from({ length: 80 }, (_, i) => Math.sin(i + shift)), labels: Uint8Array.from({ length: 20 }, (_, i) => i % 2), shape: [4] });
}

/** The same, a while after it was asked for; without `batch`, as images that are not decoded. */
class Slow implements Domain {
  readonly name: string;
  readonly length: number;
  readonly labels: ArrayLike<number>;
  loads = 0;

  constructor(readonly inner: InMemoryDomain, readonly milliseconds = 1, readonly failsAt = Infinity) {
    ({ name: this.name, length: this.length, labels: this.labels } = inner);
  }

  item(): never {
    throw new DgsamError("ERR_STATE", "not decoded yet");
  }

  batch(): never {
    throw new DgsamError("ERR_STATE", "not decoded yet");
  }

  async load(indices: ArrayLike<number>, { signal }: { signal?: AbortSignal } = {}): Promise<Batch> {
    if (++this.loads > this.failsAt) throw new DgsamError("ERR_DATA", "a.jpg: cut short");
    await sleep(this.milliseconds, undefined, signal === undefined ? {} : { signal });
    return this.inner.batch(indices);
  }
}

/** Tensors that are there afterwards and were not before: the optimizer's, until they are collected, and what leaks. */
async function growth(act: () => Promise<unknown>): Promise<number> {
  const { handles } = memoryStats();
  await act();
  return memoryStats().handles - handles;
}

const slow = (name: string, shift: number, ...rest: [number?, number?]) => new Slow(memory(name, shift), ...rest);

test("the numbers are those of domains in memory, and no tensor stays", async () => {
  const run = async (sources: Domain[], target: Domain) => {
    const numbers: unknown[] = [];
    for await (const event of train({ ...SETTINGS, makeModel, sources, targets: [target], evaluationBatchSize: 7 })) {
      if (event.type === "step") numbers.push(event.losses);
      else if (event.type === "evaluation") numbers.push(event.correct, event.total);
      else {
        numbers.push(event.model.parameters().map((each) => each.toArray()));
        event.model.dispose();
      }
    }
    return numbers;
  };
  let expected: unknown[] = [];
  const stays = await growth(async () => (expected = await run([memory("a", 0), memory("b", 1)], memory("c", 2))));
  expect(await growth(async () => expect(await run([slow("a", 0), slow("b", 1)], slow("c", 2))).toEqual(expected))).toBeLessThanOrEqual(stays);
});

test("the share of waiting tells slow data from fast", async () => {
  const share = async (milliseconds: number) => {
    for await (const event of train({ ...SETTINGS, makeModel, sources: [slow("a", 0, milliseconds)], targets: [] })) {
      if (event.type !== "done") continue;
      event.model.dispose();
      return event.waitingShare;
    }
    return expect.fail("the run did not end");
  };
  expect(await share(60)).toBeGreaterThan(0.5);
});

test("what cannot be loaded ends the run at its step, and frees what was ahead", async () => {
  let steps = 0;
  const run = async (sources: Domain[]) => {
    for await (const event of train({ ...SETTINGS, makeModel, sources, targets: [] })) {
      if (event.type === "step" && ++steps === 3 && sources[0] instanceof InMemoryDomain) break;
    }
  };
  const stays = await growth(() => run([memory("a", 0), memory("b", 1)]));
  steps = 0;
  const grown = await growth(async () => {
    await expect(run([slow("a", 0), slow("b", 1, 1, 3)])).rejects.toMatchObject({ code: "ERR_DATA", message: expect.stringContaining("a.jpg: cut short") as string });
  });
  expect(steps).toBe(3);
  expect(grown).toBeLessThanOrEqual(stays);
});

test("a signal ends the waiting", async () => {
  const controller = new AbortController();
  const events = train({ ...SETTINGS, makeModel, sources: [slow("a", 0, 60_000)], targets: [], signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(events.next()).rejects.toThrow("enough");
});

test("a comparison goes over its seeds, each as it would alone", async () => {
  const dataset: DomainDataset = { name: "points", classes: ["a", "b"], inputShape: [4], domains: [memory("a", 0), memory("b", 1), memory("c", 2)] };
  const compare = async (seeds: object) => {
    const records: RunRecord[] = [];
    const { algorithm: _, ...rest } = SETTINGS;
    for await (const event of compareAlgorithms({ ...rest, ...seeds, dataset, makeModel, algorithms: ["ERM", "DGSAM"], targets: ["b"] })) {
      if (event.type === "run") records.push({ ...event.record, medianStepSeconds: 0, waitingShare: 0 });
    }
    return records;
  };
  const both = await compare({ seeds: [7, 3] });
  expect(both.map(({ algorithm, seed }) => [algorithm, seed])).toEqual([["ERM", 7], ["DGSAM", 7], ["ERM", 3], ["DGSAM", 3]]);
  expect(both).toEqual([...await compare({ seed: 7 }), ...await compare({ seed: 3 })]);
  expect(() => compareAlgorithms({ ...SETTINGS, algorithms: ["ERM"], dataset, makeModel, seeds: [1, 1] } as never)).toThrow(/seeds: expected an array of integers from 0 to 4294967295, each once, got 1 twice/);
});

test("evaluateLoading counts as evaluate does, of domains that load and of those in memory, and leaves the mode and no tensor", async () => {
  const model = makeModel();
  const expected = evaluate(model, memory("a", 0));
  const grown = await growth(async () => {
    expect(await evaluateLoading(model, slow("a", 0), { batchSize: 7 })).toEqual(expected);
    expect(await evaluateLoading(model, memory("a", 0))).toEqual(expected);
    await expect(evaluateLoading(model, slow("a", 0, 1, 1), { batchSize: 7 })).rejects.toMatchObject({ code: "ERR_DATA" });
    expect(model.training).toBe(true);
  });
  expect(grown).toBeLessThanOrEqual(0);
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error("enough")), 20);
  await expect(evaluateLoading(model, slow("a", 0, 60_000), { signal: controller.signal })).rejects.toThrow("enough");
});

test.each([
  [() => evaluateLoading({} as never, memory("a", 0)), /^evaluateLoading: model: expected a Module/],
  [() => evaluateLoading(makeModel(), {} as never), /^evaluateLoading: domain: expected a Domain/],
  [() => evaluateLoading(makeModel(), memory("a", 0), 256 as never), /^evaluateLoading/],
  [() => evaluateLoading(makeModel(), memory("a", 0), { batch: 1 } as never), /^evaluateLoading: .*batch/],
  [() => evaluateLoading(makeModel(), memory("a", 0), { batchSize: 0 }), /batchSize: expected an integer/],
  [() => evaluateLoading(makeModel(), memory("a", 0), { signal: 1 as never }), /signal: expected an AbortSignal/],
])("evaluateLoading refuses what is wrong (%#)", async (call, message) => {
  await expect(call()).rejects.toMatchObject({ name: DgsamError.name, code: "ERR_ARGUMENT", message: expect.stringMatching(message) as string });
});
