/**
 * Every public function of the room with values of every wrong kind in every place. Some kinds happen to be right there;
 * what is refused is a DgsamError, never a TypeError from inside.
 */
import {
  batches, coloredMnist, DgsamError, type Domain, DomainLoader, DomainSampler, InMemoryDomain, leaveOneDomainOut, loadDigits, RandomState, readIdxImages,
  readIdxLabels, readIdxPair, rotatedMnist, rotateImages, seedHash, splitDataset, splitIndices, Subset, tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { counting, countingDataset } from "./domains.js";
import { expectError } from "./errors.js";
import { refusedKinds } from "../refused-kinds.js";

const KINDS: Record<string, () => unknown> = {
  null: () => null,
  undefined: () => undefined,
  "a number": () => 5,
  NaN: () => NaN,
  "a bigint": () => 1n,
  "a string": () => "x",
  "a boolean": () => true,
  "an empty array": () => [],
  "an array": () => [1, null],
  "a frozen array": () => Object.freeze([1, 2]),
  "a BigInt64Array": () => BigInt64Array.of(1n, 2n),
  "an empty object": () => ({}),
  "an object with an unknown key": () => ({ unknown: 1 }),
  "an object without a prototype": () => Object.assign(Object.create(null), { unknown: 1n }),
  "a Map": () => new Map([["seed", 1]]),
  "a symbol": () => Symbol("s"),
  "a function": () => () => 1,
  "a Tensor": () => tensor([1]),
  "a domain": () => counting("a", 5),
  "a data set": () => countingDataset({ a: 5, b: 5 }),
};

const dataset = countingDataset({ a: 9, b: 9 });
const domain = counting("a", 9);
const loader = () => new DomainLoader(dataset.domains, { batchSize: 2 });
const sampler = { name: "a", length: 9, batchSize: 2, seed: 0 };
const random = () => new RandomState(0);
const inMemory = { name: "a", x: new Uint8Array(4), labels: [0, 1], shape: [2] };

/** A function, and arguments that it takes. */
type Row = [name: string, call: (...args: never[]) => unknown, good: unknown[]];
const ROWS: Row[] = [
  ["rotatedMnist", rotatedMnist, [{ limit: 6 }]],
  ["coloredMnist", coloredMnist, [{ limit: 6 }]],
  ["loadDigits", loadDigits, [{ limit: 6 }]],
  ["leaveOneDomainOut", leaveOneDomainOut, [dataset, 0]],
  ["splitDataset", splitDataset, [dataset, {}]],
  ["splitIndices", splitIndices, [9, 0, {}]],
  ["new DomainLoader", (domains, options) => new DomainLoader(domains, options), [dataset.domains, { batchSize: 2 }]],
  ["DomainLoader.restore", (state) => loader().restore(state), [loader().state()]],
  ["batches", batches, [domain, 4]],
  ["new DomainSampler", (options) => new DomainSampler(options), [sampler]],
  ["DomainSampler.indices", (step) => new DomainSampler(sampler).indices(step), [0]],
  ["new InMemoryDomain", (options) => new InMemoryDomain(options), [inMemory]],
  ["InMemoryDomain.item", (index) => domain.item(index), [0]],
  ["InMemoryDomain.batch", (indices) => domain.batch(indices), [[0]]],
  ["InMemoryDomain.gather", (indices) => domain.gather(indices), [[0]]],
  ["new Subset", (base, indices, name) => new Subset(base, indices, name), [domain, [0], "part"]],
  ["Subset.item", (index) => new Subset(domain, [0]).item(index), [0]],
  ["Subset.batch", (indices) => new Subset(domain, [0]).batch(indices), [[0]]],
  ["readIdxImages", readIdxImages, ["none"]],
  ["readIdxLabels", readIdxLabels, ["none"]],
  ["readIdxPair", readIdxPair, ["none", "none"]],
  ["new RandomState", (seed) => new RandomState(seed), [0]],
  ["RandomState.uniform", (low, high) => random().uniform(low, high), [0, 1]],
  ["RandomState.randint", (low, high) => random().randint(low, high), [0, 5]],
  ["RandomState.permutation", (n) => random().permutation(n), [5]],
  ["RandomState.shuffle", (list) => random().shuffle(list), [[1, 2]]],
  ["seedHash", seedHash, [0, "x"]],
  ["rotateImages", rotateImages, [new Uint8Array(4), 2, 10]],
];

/** Options with a known key each, to be given every kind beside those that are needed. */
const OPTIONS: [name: string, call: (options: never) => unknown, keys: string[], needed?: object][] = [
  ["rotatedMnist", rotatedMnist, ["seed", "root", "limit"], { limit: 6 }],
  ["coloredMnist", coloredMnist, ["seed", "root", "limit", "size"], { limit: 6 }],
  ["loadDigits", loadDigits, ["seed", "root", "limit"], { limit: 6 }],
  ["splitDataset", (options) => splitDataset(dataset, options), ["trialSeed", "holdoutFraction"]],
  ["splitIndices", (options) => splitIndices(9, 0, options), ["trialSeed", "holdoutFraction"]],
  ["DomainLoader", (options) => new DomainLoader(dataset.domains, options), ["batchSize", "seed", "sampling"], { batchSize: 2 }],
  ["DomainLoader.restore", (state) => loader().restore(state), ["step", "seed", "sampling", "domains"], loader().state()],
  ["DomainSampler", (options) => new DomainSampler(options), ["name", "length", "batchSize", "seed", "sampling"], sampler],
  ["InMemoryDomain", (options) => new InMemoryDomain(options), ["name", "x", "labels", "shape"], inMemory],
];

describe("arguments of wrong kinds are DgsamErrors", () => {
  test.each(ROWS)("%s", (_name, call, good) => {
    for (const i of good.keys()) {
      const refused = refusedKinds(KINDS, (value) => (call as (...args: unknown[]) => unknown)(...good.map((each, j) => (j === i ? value : each))));
      expect(refused, `argument ${i}`).toEqual(expect.arrayContaining(["a symbol", "a function", "a Tensor"]));
    }
  });

  test.each(ROWS)("%s, without arguments", (_name, call) => {
    try {
      call();
    } catch (error) {
      expect(error).toBeInstanceOf(DgsamError);
    }
  });
});

describe("options of wrong kinds are DgsamErrors", () => {
  test.each(OPTIONS)("%s", (_name, call, keys, needed = {}) => {
    for (const key of keys) expect(refusedKinds(KINDS, (value) => call({ ...needed, [key]: value } as never)), key).toEqual(expect.arrayContaining(["null", "a symbol", "a function", "a Tensor"]));
  });
});

describe("texts", () => {
  test.each<[title: string, call: () => unknown, text: RegExp]>([
    ["a misspelt option", () => rotatedMnist({ sed: 1 } as never), /^rotatedMnist: unknown option 'sed'; the options are seed, root, limit$/],
    ["a misspelt option", () => coloredMnist({ Size: 28 } as never), /^coloredMnist: unknown option 'Size'; the options are seed, root, limit, size$/],
    ["an option of another data set", () => rotatedMnist({ size: 28 } as never), /^rotatedMnist: unknown option 'size'/],
    ["a misspelt option", () => loadDigits({ sed: 1 } as never), /^loadDigits: unknown option 'sed'; the options are seed, root, limit$/],
    ["a misspelt option", () => new DomainLoader(dataset.domains, { bachSize: 3 } as never), /^DomainLoader: unknown option 'bachSize'; the options are batchSize, seed, sampling, balanced, prefetch, signal$/],
    ["a misspelt option", () => new DomainSampler({ ...sampler, shuffle: true } as never), /^DomainSampler: unknown option 'shuffle'; the options are name, length, batchSize, seed, sampling, balanceBy$/],
    ["a misspelt option", () => new InMemoryDomain({ ...inMemory, y: [] } as never), /^InMemoryDomain: unknown option 'y'; the options are name, x, labels, shape$/],
    ["a misspelt option", () => splitDataset(dataset, { seed: 1 } as never), /^splitDataset: unknown option 'seed'; the options are trialSeed, holdoutFraction$/],
    ["a misspelt option", () => splitIndices(9, 0, { holdout: 0.1 } as never), /^splitIndices: unknown option 'holdout'; the options are trialSeed, holdoutFraction$/],
    ["options that are null", () => rotatedMnist(null as never), /^rotatedMnist: options: expected an object with any of seed, root, limit, got null$/],
    ["a seed by position", () => rotatedMnist(3 as never), /^rotatedMnist: options: expected .* got the number 3$/],
    ["a root that is no path", () => rotatedMnist({ root: 5 as never }), /^digits: root: expected a string, got the number 5$/],
    ["a file descriptor", () => readIdxLabels(0 as never), /^IDX file: path: expected a string, got the number 0$/],
    ["a data set for its domains", () => new DomainLoader(dataset as never, { batchSize: 2 }), /^DomainLoader: domains: expected an array of domains, got a data set; pass its domains, or leaveOneDomainOut\(dataset, \.\.\.\)\.sources$/],
    ["a domain for a list of them", () => new DomainLoader(domain as never, { batchSize: 2 }), /^DomainLoader: domains: expected an array of domains, got a InMemoryDomain$/],
    ["a list of something else", () => new DomainLoader([domain, "b"] as never, { batchSize: 2 }), /^DomainLoader: domains\[1\]: expected a Domain, with name, length, labels, item\(\) and batch\(\), got the string "b"$/],
    ["no batch size", () => new DomainLoader(dataset.domains, {} as never), /^DomainLoader: batchSize: expected an integer, or an array of one for each domain, got undefined$/],
    ["no options", () => new DomainLoader(dataset.domains, undefined as never), /^DomainLoader: options: expected an object with any of batchSize, seed, sampling, balanced, prefetch, signal, got undefined$/],
    ["a state that is null", () => loader().restore(null as never), /^DomainLoader\.restore\(state\): expected an object, such as state\(\) returns, got null$/],
    ["domains for a data set", () => leaveOneDomainOut(dataset.domains as never, 0), /^leaveOneDomainOut\(dataset\): expected a DomainDataset, with name, classes, inputShape and domains, got an array of length 2$/],
    ["a data set without domains", () => splitDataset({ ...dataset, domains: [{}] } as never), /^splitDataset\(dataset\): domains\[0\]: expected a Domain/],
    ["a target that is a domain", () => leaveOneDomainOut(dataset, domain as never), /^leaveOneDomainOut: target: expected the index or the name of a domain, got a InMemoryDomain$/],
    ["a fraction in a string", () => splitIndices(9, 0, { holdoutFraction: "0.2" as never }), /^splitIndices: holdoutFraction: expected a number of at least 0 and below 1, got the string "0.2"$/],
    ["labels in bigints", () => new InMemoryDomain({ ...inMemory, labels: BigInt64Array.of(0n, 1n) as never }), /^InMemoryDomain "a": label 0: expected an integer from 0 to 2147483647, got the bigint 0n$/],
    ["a name that is none", () => new InMemoryDomain({ ...inMemory, name: 7 as never }), /^InMemoryDomain: name: expected a string, got the number 7$/],
    ["indices that are none", () => domain.batch(3 as never), /^domain "a": indices: expected an array or a typed array, got the number 3$/],
    ["half a step", () => new DomainSampler(sampler).indices(0.5), /^DomainSampler\.indices: step: expected an integer of at least 0, got the number 0.5$/],
    ["no limit of a draw", () => random().uniform(0, "1" as never), /^RandomState\.uniform: high: expected a finite number, got the string "1"$/],
    ["a list that cannot change", () => random().shuffle(Object.freeze([1, 2]) as number[]), /^RandomState\.shuffle\(list\): expected a list that can be changed, got an array of length 2$/],
    ["pixels of no whole image", () => rotateImages(new Uint8Array(5), 2, 10), /^rotateImages: expected a multiple of 2 x 2 pixels, got 5$/],
  ])("%s", (_title, call, text) => void expectError(call, "ERR_ARGUMENT", text));

  test("a state of other kinds of values, which JSON cannot hold, leaves the loader where it is", () => {
    const own = loader();
    own.next();
    expectError(() => own.restore({ ...own.state(), seed: 0n as never }), "ERR_STATE", /seed is the bigint 0n there, 0 here/);
    expectError(() => own.restore({ ...own.state(), step: Object.create(null) as never }), "ERR_STATE", /step must be an integer of at least 0, got an object/);
    expectError(() => own.restore({} as never), "ERR_STATE", /seed is undefined there, 0 here/);
    expect(own.step).toBe(1);
  });
});

test("a domain of any class is taken", () => {
  const own: Domain = { name: "own", length: 9, labels: domain.labels, item: (index) => domain.item(index), batch: (indices) => domain.batch(indices) };
  expect(new DomainLoader([own], { batchSize: 2 }).next()[0]!.domain).toBe("own");
  expect(new Subset(own, [1]).labels).toEqual(Int32Array.of(1));
  expect([...batches(own, 9)]).toHaveLength(1);
});
