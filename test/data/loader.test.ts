import {
  batches, type Domain, DomainLoader, type DomainLoaderOptions, DomainSampler, memoryStats, type Minibatch, rotatedMnist,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { counting } from "./domains.js";
import { expectError } from "./errors.js";
import { goldens } from "./goldens.js";

/** Which items a minibatch holds: item i of a counting domain holds [i, -i]. */
function items({ x }: { x: Minibatch["x"] }): number[] {
  return [...x.data()].filter((_, k) => k % 2 === 0);
}

function steps(loader: DomainLoader, count: number): number[][][] {
  return Array.from({ length: count }, () => loader.next().map(items));
}

describe("DomainSampler", () => {
  test.each(["replacement", "shuffle"] as const)("draws its rounds as documented, by NumPy: %s", (sampling) => {
    const sampler = new DomainSampler({ name: "a", length: 10, batchSize: 4, seed: 5, sampling });
    const drawn = goldens.loader[sampling].map((_, step) => [...sampler.indices(step)]);
    expect(drawn).toEqual(goldens.loader[sampling]);
    expect([...sampler.indices(1)]).toEqual(drawn[1]); // and back
  });

  test("draws uniformly with replacement", () => {
    const sampler = new DomainSampler({ name: "a", length: 50, batchSize: 7, seed: 0 });
    const counts = new Array<number>(50).fill(0);
    for (let step = 0; step < 5000; step++) for (const index of sampler.indices(step)) counts[index]!++;
    const chiSquare = counts.reduce((sum, count) => sum + (count - 700) ** 2 / 700, 0);
    expect(chiSquare).toBeGreaterThan(24); // 49 degrees of freedom: 0.001 and 0.999 quantiles
    expect(chiSquare).toBeLessThan(86);
  });

  test("draws full batches from a domain smaller than one", () => {
    const sampler = new DomainSampler({ name: "a", length: 3, batchSize: 8, seed: 0 });
    expect([0, 1, 2].map((step) => sampler.indices(step).length)).toEqual([8, 8, 8]);
    expect(sampler.indices(0)).not.toEqual(sampler.indices(1));
  });
});

describe("DomainLoader", () => {
  const domains = [counting("a", 30), counting("b", 11), counting("c", 50)];

  test("gives one full minibatch per domain and step, for ever", () => {
    const loader = new DomainLoader(domains, { batchSize: [4, 5, 6] });
    let step = 0;
    for (const minibatches of loader) {
      expect(minibatches.map(({ x, y, domain }) => [domain, x.shape, y.shape])).toEqual(
        [["a", [4, 2], [4]], ["b", [5, 2], [5]], ["c", [6, 2], [6]]]);
      for (const minibatch of minibatches) {
        expect([...minibatch.y.data()].map(Number)).toEqual(items(minibatch).map((item) => item % 3));
      }
      if (++step === 40) break;
    }
    expect(loader.step).toBe(40);
  });

  test("leaves two live tensors a minibatch, and nothing else", () => {
    const loader = new DomainLoader(rotatedMnist({ limit: 60 }).domains, { batchSize: 4 });
    const before = memoryStats().handles;
    const minibatches = loader.next();
    expect(memoryStats().handles - before).toBe(12);
    for (const { x, y } of minibatches) {
      x.dispose();
      y.dispose();
    }
    expect(memoryStats().handles).toBe(before);
  });

  test("repeats for the same seed and differs for another", () => {
    const make = (seed: number) => steps(new DomainLoader(domains, { batchSize: 8, seed }), 20);
    expect(make(3)).toEqual(make(3));
    expect(make(3)).not.toEqual(make(4));
  });

  test("gives a domain the same stream whatever domains stand beside it, and other domains other streams", () => {
    const all = steps(new DomainLoader(domains, { batchSize: 8 }), 10);
    const last = steps(new DomainLoader([domains[2]!], { batchSize: 8 }), 10);
    expect(all.map((step) => step[2])).toEqual(last.map((step) => step[0]));
    const [a, b] = [counting("a", 30), counting("b", 30)];
    const pair = steps(new DomainLoader([a, b], { batchSize: 8 }), 1)[0]!;
    expect(pair[0]).not.toEqual(pair[1]);
  });

  test("deals a shuffled domain out without repetition, in a new order each round", () => {
    const loader = new DomainLoader([counting("a", 12)], { batchSize: 4, sampling: "shuffle" });
    const rounds = [0, 1, 2].map(() => steps(loader, 3).flat(2));
    for (const round of rounds) expect([...round].sort((p, q) => p - q)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(rounds[0]).not.toEqual(rounds[1]);
  });

  test.each(["replacement", "shuffle"] as const)("resumes from its state, through JSON, at every step: %s", (sampling) => {
    const options: DomainLoaderOptions = { batchSize: 5, seed: 9, sampling };
    const loader = new DomainLoader(domains, options);
    for (let step = 0; step < 25; step++) {
      const resumed = new DomainLoader(domains, options);
      resumed.restore(JSON.parse(JSON.stringify(loader.state())));
      expect(resumed.state()).toEqual(loader.state());
      expect(steps(resumed, 3)).toEqual(steps(new DomainLoader(domains, options), step + 3).slice(step));
      loader.next();
    }
  });

  test("refuses the state of another loader, says what differs, and stays where it is", () => {
    const loader = new DomainLoader(domains, { batchSize: 5, seed: 1 });
    loader.next();
    const refuses = (others: readonly Domain[], options: DomainLoaderOptions, message: RegExp) =>
      expectError(() => loader.restore(new DomainLoader(others, options).state()), "ERR_STATE", message);
    refuses(domains, { batchSize: 5, seed: 2 }, /seed is 2 there, 1 here/);
    refuses(domains, { batchSize: 5, seed: 1, sampling: "shuffle" }, /sampling is "shuffle" there, "replacement" here/);
    refuses(domains, { batchSize: 6, seed: 1 }, /domains is .*"batchSize":6.* there/);
    refuses(domains.slice(1), { batchSize: 5, seed: 1 }, /domains is/);
    expectError(() => loader.restore({ ...loader.state(), step: -1 }), "ERR_STATE", /step must be an integer of at least 0, got the number -1/);
    expect(loader.step).toBe(1);
  });

  test("refuses what it cannot serve", () => {
    const make = (over: readonly Domain[], options: object) => () =>
      new DomainLoader(over, { batchSize: 4, ...options } as DomainLoaderOptions);
    expectError(make([], {}), "ERR_ARGUMENT", /expected at least one domain, got none/);
    expectError(make([domains[0]!, domains[0]!], {}), "ERR_ARGUMENT", /two domains have the name "a"; names must be unique/);
    expectError(make(domains, { batchSize: [4, 4] }), "ERR_ARGUMENT", /one for each of the 3 domains, got 2/);
    expectError(make(domains, { batchSize: 0 }), "ERR_ARGUMENT", /^sampling from "a": batchSize: expected an integer from 1/);
    expectError(make(domains, { seed: -1 }), "ERR_ARGUMENT", /seed: expected an integer from 0 to 4294967295/);
    expectError(make(domains, { sampling: "random" }), "ERR_ARGUMENT", /sampling: expected "replacement" or "shuffle"/);
    expectError(make(domains, { sampling: "shuffle", batchSize: 12 }), "ERR_ARGUMENT",
      /^sampling from "b": 11 items make no batch of 12 without repetition/);
  });
});

describe("batches", () => {
  test("gives every item once, in order, the last batch with what is left", () => {
    const given = [...batches(counting("a", 10), 4)].map(items);
    expect(given).toEqual([[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]);
    expect([...batches(counting("a", 8), 4)].length).toBe(2);
    expect([...batches(counting("a", 3))].map(items)).toEqual([[0, 1, 2]]);
  });

  test("can be gone through again", () => {
    const all = batches(counting("a", 5), 2);
    expect([...all].map(items)).toEqual([...all].map(items));
  });

  test("refuses a bad batch size at the call", () => {
    expectError(() => batches(counting("a", 5), 0), "ERR_ARGUMENT", /^batches: batchSize: expected an integer of at least 1/);
  });
});
