import {
  ALGORITHM_NAMES, ALGORITHMS, DgsamError, evaluate, InMemoryDomain, leaveOneDomainOut, memoryStats, MLP, Module, SharpnessAware, train,
  type AlgorithmName, type Domain, type Tensor, type TrainConfig, type TrainEvent,
} from "dgsam";
import { afterEach, describe, expect, test, vi } from "vitest";
import { expectError, worstError } from "../optim/support.js";
import { points, SETTINGS } from "./points.js";

const taken = SharpnessAware.prototype.step;

/** All numbers in a value, in order. */
function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : [];
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

  test("does not let the number of live tensors grow, step after step", async () => {
    const counts: number[] = [];
    for await (const event of run()) if (event.type === "step") counts.push(memoryStats().handles);
    // What earlier tests left may be collected meanwhile.
    expect(Math.max(...counts.slice(2))).toBe(counts[2]);
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

test("what is wrong with a config is listed together, at the call", () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const good: TrainConfig = { ...SETTINGS, algorithm: "ERM", makeModel: () => new MLP([4, 2]), sources, targets: [] };
  const message = (changes: object): string => {
    try {
      train({ ...good, ...changes });
    } catch (error) {
      if (error instanceof DgsamError && error.code === "ERR_ARGUMENT") return error.message;
    }
    return expect.fail("no ERR_ARGUMENT was thrown");
  };
  expect(message({ algorithm: "Adam", steps: 0, lr: -1 })).toBe(
    'train: algorithm: expected one of ERM, SAM, ASAM, GSAM, SAGM, DISAM, LookSAM, DGSAM, got the string "Adam"; steps: expected an integer of at least 1, got the number 0; lr: expected a number above 0, got the number -1',
  );
  expect(message({ seed: 2 ** 32, rho: NaN, batchSize: 1.5 })).toMatch(/batchSize: .* 1\.5; rho: .* NaN; seed: .* from 0 to 4294967295, got the number 4294967296$/);
  expect(message({ makeModel: new MLP([4, 2]), signal: {} })).toMatch(/makeModel: expected a function that makes a model, got a MLP; signal: expected an AbortSignal/);
  expect(message({ sources: [] })).toBe("train: sources: expected an array of at least one Domain, got an array of length 0");
  expect(message({ targets: [sources[0], 7] })).toBe("train: targets: expected an array of Domains, got an array with the number 7 in it");
  expect(message({ stepz: 3 })).toMatch(/^train: stepz: no such setting; there are algorithm, steps, /);
  expectError(() => train(undefined as never), "ERR_ARGUMENT", /^train: config: expected an object of settings, got undefined$/);
});

describe("what is not finite ends the run and names step, algorithm and domain", () => {
  /** A model whose gradient is not a number for the domain of sevens: the slope of a root at 0, times 0. */
  class Steep extends MLP {
    override forward(x: Tensor): Tensor {
      const logits = super.forward(x);
      return Number(x.mean().item()) === 7 ? logits.add(this.parameters()[0]!.mul(0).sum().sqrt()) : logits;
    }
  }

  /** The error of a run over good domains and one of a single value. */
  async function failure(algorithm: AlgorithmName, value: number): Promise<{ error: DgsamError; model: MLP; before: unknown[] }> {
    const { sources } = leaveOneDomainOut(points(), 0);
    const spoilt = new InMemoryDomain({ name: "spoilt", x: new Float32Array(8).fill(value), labels: Uint8Array.of(0, 1), shape: [4] });
    let before: unknown[] = [];
    const model = new Steep([4, 2]);
    // The trainer frees the model of a run that fails; this one is looked at afterwards.
    model.dispose = () => {};
    const makeModel = () => {
      before = model.parameters().map((each) => each.toArray());
      return model;
    };
    try {
      for await (const event of train({ ...SETTINGS, algorithm, makeModel, sources: [...sources, spoilt], targets: [] })) void event;
    } catch (error) {
      return { error: error as DgsamError, model, before };
    }
    return expect.fail("the run did not fail");
  }

  test.each(ALGORITHM_NAMES)("%s: a loss, and the parameters stay as they were", async (algorithm) => {
    const { error, model, before } = await failure(algorithm, NaN);
    expect(error).toMatchObject({ code: "ERR_NON_FINITE", message: `train: step 1 of ${algorithm}: domain "spoilt": the loss is NaN; a smaller lr may help` });
    expect(model.parameters().map((each) => each.toArray())).toEqual(before);
  });

  test.each(ALGORITHM_NAMES)("%s: a gradient", async (algorithm) => {
    const { error } = await failure(algorithm, 7);
    expect(error.code).toBe("ERR_NON_FINITE");
    expect(error.message).toMatch(new RegExp(`^train: step 1 of ${algorithm}: domain "spoilt": the gradient is (NaN|Infinity); a smaller lr may help$`));
    expect(error.message).not.toContain("policy");
    expect(error.cause).toBeInstanceOf(DgsamError);
  });
});

describe("where steps are late", () => {
  // As on a GPU; here the CPU takes them.
  const asOnDevice = () => vi.spyOn(SharpnessAware.prototype, "isLate", "get").mockReturnValue(true);
  const STEPS = 40;

  afterEach(() => void vi.restoreAllMocks());

  function run(algorithm: AlgorithmName, sources = points().domains): AsyncGenerator<TrainEvent> {
    return train({ ...SETTINGS, steps: STEPS, algorithm, makeModel: () => new MLP([4, 8, 2]), sources, targets: [points().domains[1]!] });
  }

  test.each(ALGORITHM_NAMES)("%s: the events are those of others, their losses read together", async (algorithm) => {
    const expected = await collect(run(algorithm));
    asOnDevice();
    const pattern: string[] = [];
    const step = vi.spyOn(SharpnessAware.prototype, "step").mockImplementation(function (this: SharpnessAware, closures) {
      pattern.push("step");
      return taken.call(this, closures);
    });
    const events: TrainEvent[] = [];
    for await (const event of run(algorithm)) {
      if (event.type === "step") pattern.push("event");
      events.push(event);
    }
    step.mockRestore();
    const of = (n: number) => [...Array<string>(n).fill("step"), ...Array<string>(n).fill("event")];
    expect(pattern).toEqual([...of(16), ...of(16), ...of(8)]);
    const replay = (async function* () { yield* events; })();
    const got = await collect(replay as AsyncGenerator<TrainEvent>);
    expect(got).toHaveLength(expected.length);
    for (const [i, event] of got.entries()) expect(worstError(numbersIn(event), numbersIn(expected[i]!))).toBeLessThan(1e-4);
    const seconds = events.flatMap((event) => (event.type === "step" ? [event.seconds] : []));
    expect(new Set(seconds.slice(0, 16)).size).toBe(1);
    expect(seconds.every((each) => each > 0)).toBe(true);
  });

  test("what is not finite is told with its step and domain, after the events of the steps before it", async () => {
    asOnDevice();
    const { domains } = points();
    // One item of it is spoilt: it comes up in some step.
    const x = new Float32Array(100).fill(0.5);
    x[4 * 12] = NaN;
    const spoilt = new InMemoryDomain({ name: "spoilt", x, labels: Uint8Array.from({ length: 25 }, (_, i) => i % 2), shape: [4] });
    const steps: number[] = [];
    let message = "";
    try {
      for await (const event of run("DGSAM", [...domains, spoilt])) if (event.type === "step") steps.push(event.step);
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toBe(`train: step ${steps.length + 1} of DGSAM: domain "spoilt": the loss is NaN; a smaller lr may help`);
    expect(steps.length).toBeGreaterThan(0);
    expect(steps).toEqual(steps.map((_, i) => i + 1));
  });

  test("a step that throws, and a signal, are heard after the events of the steps before", async () => {
    asOnDevice();
    let forwards = 0;
    class Failing extends MLP {
      override forward(x: Tensor): Tensor {
        if (++forwards > 3 * 19) throw new Error("mine");
        return super.forward(x);
      }
    }
    const steps = async (changes: object): Promise<number> => {
      let seen = 0;
      const events = train({ ...SETTINGS, steps: STEPS, algorithm: "ERM", eager: true, makeModel: () => new MLP([4, 2]), sources: points().domains, targets: [], ...changes });
      await expect((async () => {
        for await (const event of events) if (event.type === "step") seen++;
      })()).rejects.toThrow("mine");
      return seen;
    };
    expect(await steps({ makeModel: () => new Failing([4, 2]) })).toBe(19);
    const controller = new AbortController();
    const makeModel = () => new (class extends MLP {
      override forward(x: Tensor): Tensor {
        if (++forwards === 3 * 5) controller.abort(new Error("mine"));
        return super.forward(x);
      }
    })([4, 2]);
    forwards = 0;
    expect(await steps({ makeModel, signal: controller.signal })).toBe(5);
  });
});

test("a makeModel that makes no model is refused", async () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const run = async (makeModel: () => unknown) => {
    for await (const event of train({ ...SETTINGS, algorithm: "ERM", makeModel: makeModel as () => MLP, sources, targets: [] })) void event;
  };
  await expect(run(() => ({}))).rejects.toMatchObject({ code: "ERR_ARGUMENT", message: expect.stringMatching(/^train: what makeModel returned: expected a Module from images to logits, got an object/) as string });
  await expect(run(() => undefined)).rejects.toMatchObject({ code: "ERR_ARGUMENT" });
});

test("a minibatch beyond memory is an ERR_OOM", async () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const huge: Domain = { name: "huge", length: 4, labels: [0, 1, 0, 1], item: () => expect.fail("no single item is asked for"), batch: () => void new Uint8Array(2 ** 60) as never };
  const run = async () => {
    for await (const event of train({ ...SETTINGS, algorithm: "ERM", makeModel: () => new MLP([4, 2]), sources: [...sources, huge], targets: [] })) void event;
  };
  await expect(run()).rejects.toMatchObject({ code: "ERR_OOM", message: expect.stringMatching(/^train: step 1 of ERM: the minibatches do not fit in memory \(Invalid typed array length/) as string });
});

test("a run that is left early frees its model", async () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  let model: MLP | undefined;
  for await (const event of train({ ...SETTINGS, algorithm: "ERM", makeModel: () => (model = new MLP([4, 2])), sources, targets: [] })) {
    if (event.type === "step") break;
  }
  expectError(() => model!.parameters()[0]!.toArray(), "ERR_DISPOSED", /./);
});

test("step times leave out the first steps and are their median", async () => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const seconds: number[] = [];
  for await (const event of train({ ...SETTINGS, steps: 10, algorithm: "ERM", makeModel: () => new MLP([4, 2]), sources, targets: [] })) {
    if (event.type === "step") seconds.push(event.seconds);
    if (event.type === "done") expect(event.medianStepSeconds).toBe(seconds.slice(5).sort((a, b) => a - b)[2]);
  }
  expect(seconds).toHaveLength(10);
});

test("an algorithm takes the gradients that its cost says", async () => {
  const { sources } = leaveOneDomainOut(points(), 2);
  for (const algorithm of ALGORITHM_NAMES) {
    let passes = 0;
    class Counting extends MLP {
      override forward(x: Tensor): Tensor {
        passes++;
        return super.forward(x);
      }
    }
    // LookSAM takes its second gradient every fifth step.
    for await (const event of train({ ...SETTINGS, steps: 10, algorithm, eager: true, makeModel: () => new Counting([4, 2]), sources, targets: [] })) void event;
    expect(passes, algorithm).toBeCloseTo(10 * ALGORITHMS[algorithm].gradients(sources.length), 9);
  }
});

test.each(["ERM", "SAM", "LookSAM", "DGSAM"] as const)("a run of %s that ended leaves neither gradients nor what the optimizer held, whatever the garbage collector does", async (algorithm) => {
  const { sources } = leaveOneDomainOut(points(), 0);
  const run = async (early: boolean) => {
    for await (const event of train({ ...SETTINGS, algorithm, makeModel: () => new MLP([4, 8, 2]), sources, targets: [] })) {
      if (early) break;
      if (event.type === "done") event.model.dispose();
    }
  };
  await run(false);
  const { handles } = memoryStats();
  await run(false);
  await run(true);
  expect(memoryStats().handles).toBeLessThanOrEqual(handles);
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

test("evaluate refuses a domain of which every item was left out: 0 of 0 is no accuracy", () => {
  const [domain] = points().domains;
  const empty = { name: "d", length: 3, labels: [0, 0, 0], item: () => domain!.item(0), batch: () => domain!.batch([]) };
  expectError(() => evaluate(new MLP([4, 2]), empty), "ERR_DATA", /^evaluate: domain "d": none of its 3 items can be had$/);
});

test("evaluate refuses what is no model, no domain or no batch size", () => {
  const [domain] = points().domains;
  const model = new MLP([4, 2]);
  const call = evaluate as (...given: any[]) => void;
  expectError(() => call(), "ERR_ARGUMENT", /^evaluate: model: expected a Module from images to logits, got undefined$/);
  expectError(() => call(model), "ERR_ARGUMENT", /^evaluate: domain: expected a Domain, got undefined$/);
  expectError(() => call({}, domain), "ERR_ARGUMENT", /model: .* got an object with keys \{\}$/);
  expectError(() => evaluate(model, domain!, 0), "ERR_ARGUMENT", /batchSize/);
});

test("a forward pass that throws leaves no tensor behind, and the mode as it was", () => {
  class Failing extends Module {
    override forward(x: Tensor): Tensor {
      x.add(1);
      throw new Error("not today");
    }
  }
  const [domain] = points().domains;
  const model = new Failing();
  const { handles } = memoryStats();
  expect(() => evaluate(model, domain!)).toThrow("not today");
  expect(memoryStats().handles).toBe(handles);
  expect(model.training).toBe(true);
});
