import { BatchNorm1d, EMA, Linear, memoryStats, noGrad, ones, ops, scope, Sequential, SWA, tensor, zeros, type AverageStateDict, type DType, type Tensor } from "dgsam";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch, oracle } from "../../reference/oracle.js";
import { numbers } from "../../reference/support.js";
import { bits, expectError, values, worstError } from "../support.js";

const STEPS = 30;
const draw = numbers(5);
/** Weights and a buffer at every step. */
const WEIGHTS = Array.from({ length: STEPS }, () => [4, 1, 3].map((length) => Array.from({ length }, () => 3 * draw())));
const BUFFERS = Array.from({ length: STEPS }, () => Array.from({ length: 2 }, draw));

function watched(dtype: DType = "float64") {
  const params = WEIGHTS[0]!.map((each) => tensor(each, { dtype, requiresGrad: true }) as Tensor);
  const [mean, count] = [zeros([2], { dtype }), zeros([], { dtype: "int64" })];
  const set = (step: number) =>
    noGrad(() =>
      scope(() => {
        params.forEach((param, i) => param.copy_(tensor(WEIGHTS[step]![i]!, { dtype: "float64" })));
        mean.copy_(tensor(BUFFERS[step]!, { dtype: "float64" }));
        count.fill_(step);
      }),
    );
  return { params, mean, count, model: { buffers: () => [mean, count] }, set };
}

const KINDS = [
  { name: "EMA", make: (params: Tensor[], options = {}) => new EMA(params, { decay: 0.9, ...options }) },
  { name: "SWA", make: (params: Tensor[], options = {}) => new SWA(params, options) },
] as const;

const CASES = [
  ...[0.9, 0.3, 0, 1].map((decay) => ({ average: "EMA", decay, useBuffers: decay === 0.9 })),
  ...[false, true].map((useBuffers) => ({ average: "SWA", decay: 0, useBuffers })),
];

describe.skipIf(!hasTorch)(`equals torch.optim.swa_utils over ${STEPS} updates`, () => {
  let answers: number[][][][];
  beforeAll(() => (answers = oracle("optim/averaging/swa_utils.py", { params: WEIGHTS, buffers: BUFFERS, cases: CASES })));

  test.each(CASES.map((each, i) => [JSON.stringify(each), each, i] as const))("%s", (_, { average, decay, useBuffers }, index) => {
    const { params, mean, model, set } = watched();
    const averages = average === "EMA" ? new EMA(params, { decay, model, useBuffers }) : new SWA(params, { model, useBuffers });
    for (let step = 0; step < STEPS; step++) {
      set(step);
      averages.update();
      expect(averages.nAveraged).toBe(step + 1);
      const found = averages.swap(() => [...params, mean].map(values));
      found.forEach((each, i) => expect(worstError(each, answers[index]![step]![i]!)).toBeLessThanOrEqual(1e-12));
    }
  });

  test("the cases differ from each other", () => {
    expect(new Set(answers.map((each) => JSON.stringify(each))).size).toBe(CASES.length);
  });
});

test("EMA with warmup decays by min(decay, (1 + n) / (10 + n))", () => {
  const { params, set } = watched();
  const ema = new EMA(params, { decay: 0.5, warmup: true });
  let expected = WEIGHTS[0]![0]!;
  for (let step = 0; step < STEPS; step++) {
    set(step);
    ema.update();
    const decay = Math.min(0.5, (1 + step) / (10 + step));
    if (step > 0) expected = expected.map((each, i) => decay * each + (1 - decay) * WEIGHTS[step]![0]![i]!);
    expect(worstError(ema.swap(() => values(params[0]!)), expected)).toBeLessThan(1e-14);
  }
});

describe.each(KINDS)("$name", ({ make }) => {
  test("buffers that are not averaged are as they last were: all of them, or those that are not floating", () => {
    for (const useBuffers of [false, true]) {
      const { params, mean, count, model, set } = watched();
      const average = make(params, { model, useBuffers });
      for (const step of [0, 1, 2]) {
        set(step);
        average.update();
      }
      set(7);
      const [meanInPlace, countInPlace] = average.swap(() => [values(mean), Number(count.item())]);
      expect(countInPlace).toBe(2);
      if (useBuffers) expect(meanInPlace).not.toEqual(BUFFERS[2]);
      else expect(meanInPlace).toEqual(BUFFERS[2]);
      expect([values(mean), Number(count.item())]).toEqual([BUFFERS[7], 7]);
    }
  });

  test("swap puts the averages in place and the weights back bit for bit, whatever happens in it", async () => {
    const { params, mean, count, model, set } = watched();
    const average = make(params, { model });
    for (const step of [0, 1, 2]) {
      set(step);
      average.update();
    }
    const all = [...params, mean, count];
    const before = bits(all);
    const averages = average.swap(() => bits(all));
    expect(averages).not.toEqual(before);
    expect(bits(all)).toEqual(before);
    const spoil = () => noGrad(() => all.forEach((each) => each.fill_(3)));
    const mine = new Error("mine");
    expect(() => average.swap(() => { spoil(); throw mine; })).toThrow(mine);
    expect(bits(all)).toEqual(before);
    expect(await average.swapAsync(async () => { await new Promise(setImmediate); const found = bits(all); spoil(); return found; })).toEqual(averages);
    expect(bits(all)).toEqual(before);
    await expect(average.swapAsync(() => Promise.reject(mine))).rejects.toBe(mine);
    await expect(average.swapAsync(() => { throw mine; })).rejects.toBe(mine);
    expect(bits(all)).toEqual(before);
    expect(average.swap(() => bits(all))).toEqual(averages);
  });

  test("in a swap nothing else may be asked of it, and no promise returned", async () => {
    const { params } = watched();
    const average = make(params);
    average.update();
    average.swap(() => {
      for (const [call, what] of [
        [() => average.update(), "update\\(\\)"],
        [() => average.copyTo(), "copyTo\\(\\)"],
        [() => average.swap(() => 0), "swap\\(fn\\)"],
        [() => average.loadStateDict(average.stateDict()), "loadStateDict\\(dict\\)"],
      ] as const)
        expectError(call, "ERR_STATE", new RegExp(`\\.${what}: the averages are in place of the weights, by swap\\(\\); let that end first`));
    });
    await expect(average.swapAsync(() => average.update())).rejects.toMatchObject({ code: "ERR_STATE" });
    // @ts-expect-error what does not compile is refused at run time, too
    expectError(() => average.swap(() => Promise.reject(new Error("unheard"))), "ERR_ARGUMENT", /fn returned a promise, .* use swapAsync\(fn\)/);
    average.update();
  });

  test("copyTo writes into the weights, or into those of another model", () => {
    const { params, mean, model, set } = watched();
    const average = make(params, { model, useBuffers: true });
    for (const step of [0, 1, 2]) {
      set(step);
      average.update();
    }
    const expected = average.swap(() => bits([...params, mean]));
    const others = watched("float32").params;
    const before = bits(params);
    average.copyTo(others);
    expect(bits(params)).toEqual(before);
    others.forEach((other, i) => expect(worstError(values(other), average.swap(() => values(params[i]!)))).toBeLessThan(1e-6));
    average.copyTo();
    expect(bits([...params, mean])).toEqual(expected);
  });

  test("goes on bit for bit from a state dict, also of one that has averaged nothing", () => {
    for (const until of [0, 1, 5]) {
      const [one, two] = [watched(), watched()];
      const original = make(one.params, { model: one.model, useBuffers: true });
      for (let step = 0; step < until; step++) {
        one.set(step);
        original.update();
      }
      const resumed = make(two.params, { model: two.model, useBuffers: true });
      resumed.update();
      resumed.loadStateDict(original.stateDict());
      for (let step = until; step < until + 4; step++) {
        for (const [each, { set }] of [[original, one], [resumed, two]] as const) {
          set(step);
          each.update();
        }
      }
      expect(resumed.nAveraged).toBe(until + 4);
      expect(bits(resumed.stateDict().tensors)).toEqual(bits(original.stateDict().tensors));
    }
  });

  test("leaks no handle and records no graph", async () => {
    const { params, model, set } = watched();
    const average = make(params, { model, useBuffers: true });
    const { handles } = memoryStats();
    for (let step = 0; step < 5; step++) {
      set(step);
      average.update();
      average.swap(() => 0);
      await average.swapAsync(() => 0);
      average.copyTo();
      average.loadStateDict(average.stateDict());
      expect(() => average.copyTo([])).toThrow();
      expect(() => average.swap(() => { throw new Error(); })).toThrow();
    }
    expect(average.stateDict().tensors.every((each) => !each.requiresGrad && each.isLeaf)).toBe(true);
    // Loading its own dict leaves the dict's tensors to its owner: five sets.
    expect(memoryStats().handles).toBeLessThanOrEqual(handles + 6 * 5);
    average.dispose();
    const rest = memoryStats().handles;
    average.update();
    average.update();
    expect(memoryStats().handles - rest).toBe(5);
    average.dispose();
    expect(memoryStats().handles).toBe(rest);
    expect(average.nAveraged).toBe(0);
  });

  test("survives the scope in which it was updated, and follows parameters that are converted; frozen ones count", () => {
    const { params, set } = watched("float32");
    const average = make(params);
    params[1]!.requiresGrad = false;
    scope(() => average.update());
    noGrad(() => params.forEach((param) => ops.aten["set_data.default"](param, param.detach().to("float64"))));
    set(1);
    const { handles } = memoryStats();
    average.update();
    expect(memoryStats().handles).toBe(handles);
    expect(average.stateDict().tensors.map(({ dtype }) => dtype)).toEqual(["float64", "float64", "float64"]);
    const [first, second] = [WEIGHTS[0]![1]![0]!, WEIGHTS[1]![1]![0]!];
    const expected = average instanceof EMA ? 0.9 * first + 0.1 * second : (first + second) / 2;
    expect(worstError(values(average.stateDict().tensors[1]!), [expected])).toBeLessThan(1e-6);
  });

  test("bumps the version counter, so that a stale graph is refused", () => {
    const { params } = watched();
    const average = make(params);
    average.update();
    const loss = params[0]!.square().sum();
    average.swap(() => 0);
    expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
  });
});

test("takes a module as it is: the averages in place, its statistics are the average's too", () => {
  const net = new Sequential(new Linear(2, 3), new BatchNorm1d(3));
  const average = new SWA(net.parameters(), { model: net });
  average.update();
  const x = ones([4, 2]);
  net.forward(x);
  const norm = net.children()[1] as BatchNorm1d;
  expect(Number(norm.numBatchesTracked!.item())).toBe(1);
  expect(average.swap(() => Number(norm.numBatchesTracked!.item()))).toBe(0);
  expect(Number(norm.numBatchesTracked!.item())).toBe(1);
});

describe("errors", () => {
  const param = () => ones([2], { requiresGrad: true });
  const updated = () => {
    const average = new SWA([param()]);
    average.update();
    return average;
  };

  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["no parameters", () => new EMA([]), "ERR_ARGUMENT", /^new EMA\(params\): expected at least one parameter, got an array of length 0$/],
    ["no list", () => new SWA(param() as never), "ERR_ARGUMENT", /^new SWA\(params\): expected an array of Tensors, got a Tensor$/],
    ["no tensor", () => new SWA([3] as never), "ERR_ARGUMENT", /^new SWA\(params\)\[0\]: expected a Tensor, got the number 3$/],
    ["a parameter twice", () => { const twice = param(); return new SWA([twice, twice]); }, "ERR_ARGUMENT", /^new SWA\(params\)\[1\] is in the list already$/],
    ["integers", () => new SWA([zeros([2], { dtype: "int64" })]), "ERR_ARGUMENT", /expected parameters of a floating or complex dtype, got one of int64$/],
    ["a decay beyond 1", () => new EMA([param()], { decay: 1.1 }), "ERR_ARGUMENT", /^EMA: decay: expected a number from 0 to 1, got the number 1\.1$/],
    ["a warmup of no boolean", () => new EMA([param()], { warmup: 10 as never }), "ERR_ARGUMENT", /^EMA: warmup: expected a boolean, got the number 10$/],
    ["a misspelt option", () => new EMA([param()], { use_buffers: true } as never), "ERR_ARGUMENT", /^EMA: unknown option 'use_buffers'; the options are decay, warmup, model, useBuffers$/],
    ["another's option", () => new SWA([param()], { decay: 0.5 } as never), "ERR_ARGUMENT", /^SWA: unknown option 'decay'/],
    ["useBuffers without a model", () => new SWA([param()], { useBuffers: true }), "ERR_ARGUMENT", /^SWA: useBuffers: expected the option "model" beside it/],
    ["a model without buffers", () => new SWA([param()], { model: {} as never }), "ERR_ARGUMENT", /^SWA: model: expected an object with buffers\(\), such as a Module/],
    ["copyTo before an update", () => new SWA([param()]).copyTo(), "ERR_STATE", /^SWA: there is no average yet; call update\(\) after a step first$/],
    ["swap before an update", () => new EMA([param()]).swap(() => 0), "ERR_STATE", /^EMA: there is no average yet/],
    ["swap of no function", () => updated().swap(3 as never), "ERR_ARGUMENT", /^SWA\.swap\(fn\): expected a function, got the number 3$/],
    ["fewer parameters", () => updated().copyTo([]), "ERR_ARGUMENT", /^SWA\.copyTo\(params\): expected 1 parameters, got an array of length 0$/],
    ["other shapes", () => updated().copyTo([zeros([3])]), "ERR_ARGUMENT", /^SWA\.copyTo\(params\)\[0\]: expected shape \[2\], got \[3\]$/],
    ["a disposed parameter", () => { const one = param(); const average = new SWA([one]); one.dispose(); average.update(); }, "ERR_DISPOSED", /disposed/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));

  test("of state dicts change nothing", () => {
    const average = updated();
    const dict = average.stateDict();
    const before = bits(dict.tensors);
    for (const [damaged, text] of [
      [null, /^SWA\.loadStateDict\(dict\): expected \{ nAveraged, tensors \} from stateDict\(\), got null$/],
      [{ ...dict, nAveraged: -1 }, /\(dict\)\.count: expected an integer of at least 0/],
      [{ ...dict, tensors: [] }, /\.tensors: expected 1 Tensors, one for each that is averaged or copied, got an array of length 0/],
      [{ ...dict, tensors: [1] }, /\.tensors\[0\]: expected a Tensor, got the number 1/],
      [{ ...dict, tensors: [zeros([3])] }, /\.tensors\[0\]: expected shape \[2\], got \[3\]/],
    ] as const) expectError(() => average.loadStateDict(damaged as AverageStateDict), "ERR_ARGUMENT", text);
    expect(average.nAveraged).toBe(1);
    expect(bits(average.stateDict().tensors)).toEqual(before);
  });
});
