import { BatchNorm1d, capture, Dropout, Linear, manualSeed, memoryStats, Module, noGrad, randn, ReLU, Sequential, SWA, Tensor, updateBatchNorm, zeros } from "dgsam";
import { describe, expect, test } from "vitest";
import { bits, expectError, values, worstError } from "../optim/support.js";
import { hasTorch, oracle } from "../reference/oracle.js";

const DTYPE = { dtype: "float64" } as const;

function makeNet() {
  manualSeed(3);
  const norms = [new BatchNorm1d(4, { ...DTYPE, momentum: 0.3 }), new BatchNorm1d(2, DTYPE)] as const;
  const net = new Sequential(new Linear(3, 4, DTYPE), norms[0], new ReLU(), new Linear(4, 2, DTYPE), norms[1]);
  net.forward(randn([5, 3], DTYPE));
  return { net, norms };
}

/** Of different sizes: each counts the same. */
const makeBatches = () => [8, 3, 5].map((size) => randn([size, 3], DTYPE));

async function* slowly<T>(list: Iterable<T>) {
  for (const each of list) {
    await new Promise(setImmediate);
    yield each;
  }
}

const plain = (source: Tensor) => JSON.parse(JSON.stringify(source.toArray(), (_, value: unknown) => (typeof value === "bigint" ? Number(value) : value))) as unknown;

test.skipIf(!hasTorch)("equals torch.optim.swa_utils.update_bn in float64", () => {
  const { net } = makeNet();
  const batches = makeBatches();
  const state = Object.fromEntries(Object.entries(net.stateDict()).map(([key, each]) => [key, plain(each)]));
  const expected = oracle<Record<string, number[] | number[][] | number>>("nn/update_bn.py", { state, batches: batches.map(plain) });
  net.eval();
  updateBatchNorm(net, batches);
  const actual = net.stateDict();
  expect(Object.keys(actual)).toEqual(Object.keys(expected));
  for (const [key, each] of Object.entries(actual)) {
    const wanted = [expected[key]!].flat(2);
    expect(worstError(values(each), wanted), key).toBeLessThanOrEqual(1e-14);
    if (key.includes("running")) expect([state[key]].flat(2), key).not.toEqual(wanted);
  }
});

/** All that it must leave as it was. */
const settings = (net: Module) => net.modules().map((each) => [each.training, each.runningStats, each instanceof BatchNorm1d && each.momentum]);

test("takes tensors and minibatches, from iterables of both kinds, and leaves modes, momenta and gradients as they were", async () => {
  const batches = makeBatches();
  const results: string[][] = [];
  for (const run of [
    (net: Sequential) => updateBatchNorm(net, batches),
    (net: Sequential) => updateBatchNorm(net, new Set(batches.map((x) => ({ x, y: x })))),
    (net: Sequential) => updateBatchNorm(net, slowly(batches)),
    (net: Sequential) => updateBatchNorm(net, slowly(batches.map((x) => ({ x })))),
    (net: Sequential) => updateBatchNorm(net, [...batches, ...makeBatches()], { maxBatches: 3 }),
    (net: Sequential) => updateBatchNorm(net, slowly([...batches, ...makeBatches()]), { maxBatches: 3 }),
  ]) {
    const { net, norms } = makeNet();
    net.eval();
    net.children()[0]!.train();
    norms[1].setRunningStats("hold");
    const before = settings(net);
    const weights = bits(net.parameters());
    const { handles } = memoryStats();
    const result = run(net);
    if (result !== undefined) await result;
    expect(settings(net)).toEqual(before);
    expect(bits(net.parameters())).toEqual(weights);
    expect(net.parameters().every(({ grad }) => grad === null)).toBe(true);
    expect(Number(norms[1].numBatchesTracked!.item())).toBe(3);
    expect(memoryStats().handles - handles).toBeLessThanOrEqual(3);
    results.push(bits(net.buffers()));
  }
  expect(new Set(results.map((each) => each.join())).size).toBe(1);
});

test("takes no more than maxBatches out of an iterator that never ends, and closes it", () => {
  const { net, norms } = makeNet();
  let taken = 0;
  let closed = false;
  function* endless() {
    try {
      for (;;) {
        taken++;
        yield randn([4, 3], DTYPE);
      }
    } finally {
      closed = true;
    }
  }
  updateBatchNorm(net, endless(), { maxBatches: 2 });
  expect([taken, closed, Number(norms[0].numBatchesTracked!.item())]).toEqual([2, true, 2]);
});

test("frozen layers keep their statistics, and the others are measured behind them", () => {
  const { net, norms } = makeNet();
  norms[0].freeze();
  const [frozen, other] = [bits(norms[0].buffers()), bits(norms[1].buffers())];
  updateBatchNorm(net, makeBatches());
  expect(bits(norms[0].buffers())).toEqual(frozen);
  expect(bits(norms[1].buffers())).not.toEqual(other);
  expect(norms[0].frozen).toBe(true);
});

test.each([
  ["no BatchNorm", () => new Sequential(new Linear(3, 2), new Dropout())],
  ["none with statistics", () => new Sequential(new BatchNorm1d(3, { trackRunningStats: false }))],
  ["only frozen ones", () => new Sequential(new BatchNorm1d(3, { frozen: true }))],
])("with %s nothing is run", async (_, make) => {
  const net = make();
  let asked = false;
  const batches = { *[Symbol.iterator]() { asked = true; yield zeros([2, 3]); } };
  updateBatchNorm(net, batches);
  await updateBatchNorm(net, { async *[Symbol.asyncIterator]() { asked = true; yield zeros([2, 3]); } });
  expect(asked).toBe(false);
});

describe("when it fails everything is as it was, statistics too:", () => {
  const mine = new Error("mine");
  function* failing() {
    yield randn([4, 3], DTYPE);
    throw mine;
  }
  const cases: [title: string, batches: () => Iterable<never>, code: string | null, text: RegExp][] = [
    ["no input", () => [], "ERR_DATA", /^updateBatchNorm: there was no input to measure by; is the iterator used up\?$/],
    ["an input of another shape", () => [randn([4, 3], DTYPE), randn([4, 7], DTYPE)] as never, "ERR_SHAPE", /./],
    ["a single example", () => [randn([1, 3], DTYPE)] as never, "ERR_SHAPE", /more than one value per feature/],
    ["no tensor", () => [randn([4, 3], DTYPE), { y: 1 }] as never, "ERR_ARGUMENT", /^updateBatchNorm: batch 1: expected a Tensor or a minibatch \{ x \}, got an object with keys \{y\}$/],
    ["an iterator that throws", () => failing() as never, null, /^mine$/],
  ];

  test.each(cases)("%s", async (_, batches, code, text) => {
    for (const asynchronous of [false, true]) {
      const { net } = makeNet();
      net.eval();
      const before = [settings(net), bits(net.buffers())];
      const given = batches();
      const { handles } = memoryStats();
      let thrown: unknown;
      try {
        if (asynchronous) await updateBatchNorm(net, slowly(given));
        else updateBatchNorm(net, given);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ message: expect.stringMatching(text) as string, ...(code !== null && { code }) });
      expect([settings(net), bits(net.buffers())]).toEqual(before);
      expect(memoryStats().handles - handles).toBeLessThanOrEqual(1);
    }
  });
});

test.each<[title: string, call: () => unknown, text: RegExp]>([
  ["no model", () => updateBatchNorm({} as never, []), /^updateBatchNorm: model: expected a Module, got an object/],
  ["no iterable", () => updateBatchNorm(makeNet().net, 5 as never), /^updateBatchNorm: batches: expected an iterable of Tensors or of minibatches \{ x \}, got the number 5$/],
  ["a tensor in place of a list", () => updateBatchNorm(makeNet().net, zeros([4, 3]) as never), /got a Tensor$/],
  ["maxBatches 0", () => updateBatchNorm(makeNet().net, [], { maxBatches: 0 }), /^updateBatchNorm: maxBatches: expected an integer of at least 1/],
  ["an unknown option", () => updateBatchNorm(makeNet().net, [], { device: "cpu" } as never), /^updateBatchNorm: unknown option 'device'; the options are maxBatches$/],
])("refuses %s", (_, call, text) => expectError(call, "ERR_ARGUMENT", text));

test("measures averaged weights in a swap, after which the statistics are the model's again", () => {
  const { net, norms } = makeNet();
  const average = new SWA(net.parameters(), { model: net });
  average.update();
  const before = bits(net.buffers());
  const counted = average.swap(() => {
    updateBatchNorm(net, makeBatches());
    return Number(norms[0].numBatchesTracked!.item());
  });
  expect(counted).toBe(3);
  expect(bits(net.buffers())).toEqual(before);
});

test("a captured forward measures what its function does: momentum null depends on a value, so such passes are no replays", () => {
  const batches = makeBatches();
  const results = ["eager", "captured"].map((mode) => {
    const { net } = makeNet();
    const captured = capture((x: Tensor) => net.forward(x) as Tensor);
    const model = Object.assign(new Sequential(net), { forward: mode === "eager" ? (x: Tensor) => net.forward(x) : captured });
    const pass = () => noGrad(() => bits([model.forward(batches[0]!), ...net.buffers()]));
    const before = [pass(), pass(), pass()];
    updateBatchNorm(model, [...batches, ...batches]);
    const measured = bits(net.buffers());
    const { replayed } = captured.stats;
    const after = pass();
    if (mode === "captured") {
      expect(captured.stats).toMatchObject({ recorded: 1, replayed: replayed + 1 });
      expect(captured.stats.refused[0]).toBe("it reads the value of a tensor by item()");
    }
    return { before, measured, after };
  });
  expect(results[1]).toEqual(results[0]);
});
