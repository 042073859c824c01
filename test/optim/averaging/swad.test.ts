import { memoryStats, noGrad, ones, scope, SWAD, tensor, zeros, type SWADStateDict, type Tensor } from "dgsam";
import { SWAD as TwinSWAD } from "dgsam/reference";
import { beforeAll, describe, expect, test } from "vitest";
import { hasTorch } from "../../reference/oracle.js";
import { answers, RUNS, titleOf, WIDTH, type Answer, type Run } from "../../reference/swad-runs.js";
import { bits, expectError, values, worstError } from "../support.js";

const DTYPE = { dtype: "float64" } as const;
const optionsOf = ({ nConverge, nTolerance, toleranceRatio }: Run) => ({ nConverge, nTolerance, toleranceRatio });

/** Two parameters, which together walk as a run says. */
function walk(run: Run) {
  const params = [zeros([WIDTH - 1], DTYPE), zeros([], DTYPE)];
  let step = 0;
  /** Takes the steps up to the i-th evaluation. */
  const goTo = (i: number, afterStep: () => void) => {
    for (; step < run.evaluations[i]![0]; step++) {
      const now = run.weights[step]!;
      scope(() => noGrad(() => params.forEach((param, j) => param.copy_(tensor(j === 0 ? now.slice(0, -1) : now.slice(-1), DTYPE).reshape(param.shape)))));
      afterStep();
    }
  };
  return { params, goTo, flat: () => params.flatMap(values) };
}

/** What its average is, in numbers. */
const averageOf = (swad: SWAD, flat: () => number[]) => swad.swap(flat);

describe.skipIf(!hasTorch)("follows the published rule at every evaluation", () => {
  let expected: Answer[][];
  beforeAll(() => (expected = answers()));

  test.each(RUNS.map((run, index) => [titleOf(run, index), run, index] as const))("%s", (_, run, index) => {
    const { params, goTo, flat } = walk(run);
    const swad = new SWAD(params, optionsOf(run));
    run.evaluations.forEach(([, loss], i) => {
      goTo(i, () => swad.update());
      swad.evaluate(loss);
      const answer = expected[index]![i]!;
      expect(worstError(averageOf(swad, flat), answer.weights), `evaluation ${i}`).toBeLessThanOrEqual(1e-12);
      const { converged, startStep, endStep, segments } = swad.result();
      expect({ converged, dead: swad.finished }).toEqual({ converged: answer.converged, dead: answer.dead });
      expect(swad.converged).toBe(converged);
      expect(segments).toBe(converged ? answer.averaged.length : 0);
      if (answer.averaged.length > 0) expect([startStep, endStep]).toEqual([answer.averaged[0]![0], answer.averaged.at(-1)![1]]);
    });
  });
});

const EVERY_SET = RUNS.filter((_, i) => i % 12 === 1);

describe.each(EVERY_SET.map((run, i) => [titleOf(run, 12 * i + 1), run] as const))("%s", (_, run) => {
  test("equals its float64 twin", () => {
    const { params, goTo, flat } = walk(run);
    const swad = new SWAD(params, optionsOf(run));
    const position = new Float64Array(WIDTH);
    const twin = new TwinSWAD([position], optionsOf(run));
    run.evaluations.forEach(([, loss], i) => {
      goTo(i, () => {
        swad.update();
        position.set(flat());
        twin.update();
      });
      swad.evaluate(loss);
      twin.evaluate(loss);
      const { params: average, ...rest } = twin.result();
      expect(worstError(averageOf(swad, flat), average[0]!)).toBeLessThanOrEqual(1e-12);
      expect(swad.result()).toMatchObject(rest);
      expect(swad.finished).toBe(twin.finished);
    });
  });

  test("goes on bit for bit from the state dict at any step, its numbers through JSON", () => {
    for (const [until, midway] of [[0, true], [2, false], [5, true], [9, true], [20, false]] as const) {
      const [one, two] = [walk(run), walk(run)];
      const original = new SWAD(one.params, optionsOf(run));
      const evaluateTo = (swad: SWAD, { goTo }: typeof one, from: number, to: number) => {
        for (let i = from; i < to; i++) {
          goTo(i, () => swad.update());
          swad.evaluate(run.evaluations[i]![1]);
        }
      };
      evaluateTo(original, one, 0, until);
      if (midway) one.goTo(until, () => original.update());
      const resumed = new SWAD(two.params, optionsOf(run));
      resumed.update();
      for (let i = 0; i < (midway ? until + 1 : until); i++) two.goTo(i, () => {});
      const dict = original.stateDict();
      resumed.loadStateDict({ ...throughJson(dict), ...copies(dict) } as SWADStateDict);
      evaluateTo(original, one, until, run.evaluations.length);
      evaluateTo(resumed, two, until, run.evaluations.length);
      expect(contents(resumed.stateDict())).toBe(contents(original.stateDict()));
      expect(resumed.result()).toEqual(original.result());
      expect(resumed.swap(() => bits(two.params))).toEqual(original.swap(() => bits(one.params)));
    }
  });

  test("holds max(nConverge, nTolerance) + 2 copies of the weights at most, and after its end one", () => {
    const { params, goTo } = walk(run);
    const swad = new SWAD(params, optionsOf(run));
    const { handles } = memoryStats();
    let most = 0;
    run.evaluations.forEach(([, loss], i) => {
      goTo(i, () => {
        swad.update();
        most = Math.max(most, memoryStats().handles - handles);
      });
      swad.evaluate(loss);
      swad.result();
      swad.copyTo();
      most = Math.max(most, memoryStats().handles - handles);
    });
    expect(most).toBeLessThanOrEqual(params.length * (Math.max(run.nConverge, run.nTolerance) + 2));
    if (swad.finished) expect(memoryStats().handles - handles).toBe(params.length);
    swad.dispose();
    expect(memoryStats().handles).toBe(handles);
  });
});

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "toBytes" in value;
}

/** A state dict as text: what is no tensor as JSON, tensors by their bits. */
const contents = (dict: SWADStateDict) => JSON.stringify(dict, (_, value: unknown) => (isTensor(value) ? bits([value]) : value));

const throughJson = (dict: SWADStateDict) => JSON.parse(JSON.stringify(dict, (_, value: unknown) => (isTensor(value) ? null : value))) as SWADStateDict;

/** The parts of a state dict with tensors, these copied. */
function copies({ segment, average, segments }: SWADStateDict) {
  const copy = <T extends { tensors: Tensor[] }>(part: T): T => ({ ...part, tensors: part.tensors.map((each) => each.clone()) });
  return { segment: copy(segment), average: copy(average), segments: segments.map(copy) };
}

test("until it converges the average is the last segment's, and the result says so", () => {
  const param = zeros([1], DTYPE);
  const swad = new SWAD([param]);
  for (const [i, loss] of [3, 2, 1].entries()) {
    for (const value of [10 * i, 10 * i + 2]) {
      noGrad(() => param.fill_(value));
      swad.update();
    }
    swad.evaluate(loss);
  }
  expect(swad.result()).toEqual({ converged: false, startStep: 5, endStep: 6, threshold: null, segments: 0 });
  swad.copyTo();
  expect(values(param)).toEqual([21]);
});

test("an evaluation after the end changes nothing, and updates count only", () => {
  const param = ones([1], DTYPE);
  const swad = new SWAD([param], { nConverge: 1, nTolerance: 1, toleranceRatio: 0 });
  for (const loss of [1, 1, 2]) {
    swad.update();
    swad.evaluate(loss);
  }
  expect(swad.finished).toBe(true);
  const before = swad.result();
  expect(before).toEqual({ converged: true, startStep: 2, endStep: 2, threshold: 1, segments: 1 });
  noGrad(() => param.fill_(7));
  swad.update();
  swad.evaluate(0);
  expect(swad.result()).toEqual(before);
  expect(swad.stateDict().step).toBe(4);
  swad.copyTo();
  expect(values(param)).toEqual([1]);
});

test("buffers go along: averaged when floating and asked for, else as the last averaged segment left them", () => {
  for (const useBuffers of [false, true]) {
    const [param, mean, count] = [zeros([1], DTYPE), zeros([1], DTYPE), zeros([], { dtype: "int64" })];
    const swad = new SWAD([param], { nConverge: 1, nTolerance: 1, toleranceRatio: 10, model: { buffers: () => [mean, count] }, useBuffers });
    for (let step = 0; step < 4; step++) {
      noGrad(() => [param, mean, count].forEach((each) => each.fill_(step)));
      swad.update();
      swad.evaluate(1);
    }
    // The converged segment, the first, has given way.
    expect(swad.swap(() => [param, mean, count].map((each) => Number(each.item())))).toEqual([2, useBuffers ? 2 : 3, 3]);
  }
});

describe("errors", () => {
  const make = (options = {}) => new SWAD([ones([2])], options);
  const evaluated = () => {
    const swad = make();
    swad.update();
    swad.evaluate(1);
    swad.update();
    return swad;
  };

  test.each<[title: string, call: () => unknown, code: string, text: RegExp]>([
    ["nConverge 0", () => make({ nConverge: 0 }), "ERR_ARGUMENT", /^SWAD: nConverge: expected an integer of at least 1, got the number 0$/],
    ["nTolerance 1.5", () => make({ nTolerance: 1.5 }), "ERR_ARGUMENT", /^SWAD: nTolerance: expected an integer of at least 1/],
    ["a negative ratio", () => make({ toleranceRatio: -1 }), "ERR_ARGUMENT", /^SWAD: toleranceRatio: expected a finite number of at least 0/],
    ["a misspelt option", () => make({ n_converge: 3 }), "ERR_ARGUMENT", /^SWAD: unknown option 'n_converge'; the options are nConverge, nTolerance, toleranceRatio, model, useBuffers$/],
    ["a loss that is not finite", () => evaluated().evaluate(NaN), "ERR_ARGUMENT", /^SWAD\.evaluate\(validationLoss\): expected a finite number, got the number NaN$/],
    ["a loss that is a tensor", () => evaluated().evaluate(ones([]) as never), "ERR_ARGUMENT", /expected a finite number, got a Tensor$/],
    ["an evaluation without a step", () => make().evaluate(1), "ERR_STATE", /^SWAD\.evaluate\(\): there was no step since the last evaluation; call update\(\) after each step$/],
    ["a result without an evaluation", () => make().result(), "ERR_STATE", /^SWAD: there is no average yet; call update\(\) after each step and evaluate\(\)/],
    ["a swap without an evaluation", () => make().swap(() => 0), "ERR_STATE", /^SWAD: there is no average yet/],
    ["an update in a swap", () => { const swad = evaluated(); swad.swap(() => swad.update()); }, "ERR_STATE", /^SWAD\.update\(\): the averages are in place/],
    ["an evaluation in a swap", () => { const swad = evaluated(); swad.swap(() => swad.evaluate(1)); }, "ERR_STATE", /^SWAD\.evaluate\(validationLoss\): the averages are in place/],
  ])("%s", (_, call, code, text) => expectError(call, code, text));

  test("of state dicts change nothing", () => {
    const swad = evaluated();
    const dict = swad.stateDict();
    const before = contents(dict);
    const [segment] = dict.segments;
    for (const [damaged, text] of [
      [null, /^SWAD\.loadStateDict\(dict\): expected \{ step, finished, startStep, segment, segments, valley, average \} from stateDict\(\), got null/],
      [{ ...dict, step: "4" }, /: step: expected an integer of at least 0/],
      [{ ...dict, segment: null }, /: segment: expected \{ count, tensors \}, got null/],
      [{ ...dict, segment: { count: 1, tensors: [ones([3])] } }, /: segment\.tensors\[0\]: expected shape \[2\], got \[3\]/],
      [{ ...dict, valley: {} }, /: valley\.startStep: expected an integer of at least 1/],
      [{ ...dict, finished: "x" }, /: finished: expected a boolean/],
      [{ ...dict, valley: { startStep: 1, endStep: 1, threshold: 1, convergeStep: 1 }, average: { count: 0, tensors: [] } }, /: average: expected the tensors of the valley, got none/],
      [{ ...dict, segments: [null] }, /: segments\[0\]: expected \{ startStep, endStep, loss \}, got null/],
      [{ ...dict, segments: [{ ...segment, loss: null }] }, /: segments\[0\]\.loss: expected a finite number, got null/],
      [{ ...dict, segments: [{ ...segment, tensors: [] }] }, /: segments\[0\]\.tensors: expected 1 Tensors/],
    ] as const) expectError(() => swad.loadStateDict(damaged as never), "ERR_ARGUMENT", text);
    expect(contents(swad.stateDict())).toBe(before);
    swad.loadStateDict(swad.stateDict());
    expect(contents(swad.stateDict())).toBe(before);
    expect(contents(dict)).toBe(before);
  });
});
