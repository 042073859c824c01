import { compareAlgorithms, evaluate, InMemoryDomain, leaveOneDomainOut, manualSeed, memoryStats, MLP, Module, randn, train, type DomainDataset, type RunRecord, type Tensor, type TrainEvent } from "dgsam";
import { describe, expect, test } from "vitest";

/** Three domains of 40 points in four dimensions, two classes apart along the first, each shifted. */
function points(): DomainDataset {
  manualSeed(3);
  const domains = [0, 1, 2].map((d) => {
    const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 2);
    const noise = (randn([40, 4]) as Tensor).data() as Float32Array;
    const x = noise.map((value, i) => 0.3 * value + (i % 4 === 0 ? (labels[i >> 2]! === 1 ? 2 : -2) : 0) + 0.2 * d);
    return new InMemoryDomain({ name: `site ${d}`, x, labels, shape: [4] });
  });
  return { name: "points", classes: ["left", "right"], inputShape: [4], domains };
}

/** Without what depends on the clock. */
async function collect(events: AsyncGenerator<TrainEvent>): Promise<object[]> {
  const all: object[] = [];
  for await (const event of events) {
    if (event.type === "step") all.push({ step: event.step, losses: event.losses });
    else if (event.type === "evaluation") all.push({ ...event });
    else all.push({ steps: event.steps, parameters: event.model.parameters().map((each) => each.toArray()) });
  }
  return all;
}

const SETTINGS = { steps: 12, batchSize: 8, lr: 0.01, rho: 0.05, seed: 1 };

describe.each(["ERM", "SAM", "DGSAM"] as const)("%s", (algorithm) => {
  const run = (seed = 1, signal?: AbortSignal) => {
    const { sources, target } = leaveOneDomainOut(points(), 2);
    return train({ ...SETTINGS, seed, algorithm, makeModel: () => new MLP([4, 8, 2]), sources, targets: [target], ...(signal === undefined ? {} : { signal }) });
  };

  test("learns, and the same seed gives the same numbers", async () => {
    const first = await collect(run());
    expect(first).toHaveLength(SETTINGS.steps + 2);
    expect(await collect(run())).toEqual(first);
    expect(await collect(run(2))).not.toEqual(first);
    const losses = first.slice(0, SETTINGS.steps).map((event) => (event as { losses: number[] }).losses);
    const mean = (values: number[]) => values.reduce((sum, each) => sum + each, 0) / values.length;
    expect(losses.every((each) => each.length === 2)).toBe(true);
    expect(mean(losses.at(-1)!)).toBeLessThan(mean(losses[0]!));
  });

  test("keeps the number of live tensors constant, step after step", async () => {
    const counts: number[] = [];
    for await (const event of run()) if (event.type === "step") counts.push(memoryStats().handles);
    expect(new Set(counts.slice(2)).size).toBe(1);
  });

  test("stops within a step when it is told to", async () => {
    const controller = new AbortController();
    let steps = 0;
    const stopped = (async () => {
      for await (const event of run(1, controller.signal)) if (event.type === "step" && ++steps === 3) controller.abort(new Error("enough"));
    })();
    await expect(stopped).rejects.toThrow("enough");
    expect(steps).toBe(3);
  });
});

test("timers are heard between steps", async () => {
  const { sources, target } = leaveOneDomainOut(points(), 0);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  for await (const event of train({ ...SETTINGS, steps: 200, algorithm: "ERM", makeModel: () => new MLP([4, 8, 2]), sources, targets: [target] })) void event;
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(3);
});

test("settings out of range are listed together", async () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const bad = train({ ...SETTINGS, steps: 0, lr: -1, algorithm: "ADAM" as never, makeModel: () => new MLP([4, 2]), sources, targets: [] }).next();
  await expect(bad).rejects.toMatchObject({ code: "ERR_ARGUMENT", message: expect.stringMatching(/algorithm: .*steps: .*lr: /s) as string });
});

test("accuracy counts the highest logit, in eval mode, and restores the mode", () => {
  class Constant extends Module {
    modes: boolean[] = [];
    override forward(x: Tensor): Tensor {
      this.modes.push(this.training);
      return x.narrow(1, 0, 2);
    }
  }
  const domain = new InMemoryDomain({ name: "d", x: Float32Array.of(1, 0, 0, 1, 3, 2), labels: Uint8Array.of(0, 1, 1), shape: [2] });
  const model = new Constant();
  expect(evaluate(model, domain, 2)).toEqual({ domain: "d", correct: 2, total: 3, accuracy: 2 / 3 });
  expect(model.modes).toEqual([false, false]);
  expect(model.training).toBe(true);
});

describe("a comparison", () => {
  const compare = async (targets?: string[]) => {
    const records: RunRecord[] = [];
    const events = compareAlgorithms({ ...SETTINGS, dataset: points(), algorithms: ["ERM", "SAM", "DGSAM"], makeModel: () => new MLP([4, 8, 2]), ...(targets === undefined ? {} : { targets }) });
    for await (const event of events) if (event.type === "run") records.push({ ...event.record, medianStepSeconds: 0 });
    return records;
  };

  test("holds each domain out once per algorithm, and repeats itself", async () => {
    const records = await compare();
    expect(records.map((each) => `${each.algorithm} ${each.target}`)).toEqual(["0", "1", "2"].flatMap((d) => ["ERM", "SAM", "DGSAM"].map((name) => `${name} site ${d}`)));
    expect(records.map((each) => each.idealCost)).toEqual(Array.from({ length: 3 }, () => [1, 2, 1.5]).flat());
    expect(await compare()).toEqual(records);
    expect(await compare(["site 1"])).toEqual(records.slice(3, 6));
  });

  test("names an unknown target before it trains", async () => {
    await expect(compare(["site 9"])).rejects.toMatchObject({ code: "ERR_ARGUMENT", message: expect.stringContaining('"site 0", "site 1", "site 2"') as string });
  });
});
