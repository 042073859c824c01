/** A run that is saved as JSON and loaded into new objects goes on with the same bits. */
import { LambdaLR, ReduceLROnPlateau, SequentialLR, SGD, StepLR, zeros, type SchedulerStateDict } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../support.js";
import { CHAINS, SEQUENCES, SINGLE, title } from "./cases.js";
import { createOptimizer, createScheduler, run, stepAll, type Case, type Spec } from "./support.js";

const throughJson = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const LRS = [0.1, 0.05, 0.3];

/** What a run holds, in full. */
function snapshot(optimizer: ReturnType<typeof createOptimizer>, schedulers: readonly { stateDict(): SchedulerStateDict; getLastLr(): number[] }[]): unknown {
  return { groups: optimizer.stateDict().paramGroups, schedulers: schedulers.map((each) => each.stateDict()), last: schedulers.map((each) => each.getLastLr()) };
}

const nestedLater: Spec = { name: "SequentialLR", options: { schedulers: [{ name: "ConstantLR", options: {} }, SEQUENCES[0]], milestones: [12] } };
const CASES = [...SINGLE.map((each) => [each]), ...SEQUENCES.map((each) => [each]), ...CHAINS, [nestedLater]];

describe("every 5th step of", () => {
  test.each(CASES.map((specs) => [title(specs), specs] as const))("%s", (_title, specs) => {
    const { failed } = run({ optimizer: "SGD", lrs: LRS, steps: 60, schedulers: specs });
    const steps = failed === null ? 60 : failed - 1;
    const kinds: Case["optimizer"][] = steps < 0 ? [] : ["SGD", "Adam"];
    for (const optimizer of kinds) {
      const first = createOptimizer({ optimizer, lrs: LRS });
      const schedulers = specs.map((spec) => createScheduler(first, spec));
      const saved: string[] = [];
      const snapshots: unknown[] = [];
      for (let step = 0; step < steps; step++) {
        saved.push(JSON.stringify([first.stateDict(), schedulers.map((each) => each.stateDict())]));
        snapshots.push(snapshot(first, schedulers));
        stepAll(schedulers, specs, step);
      }
      for (let from = 0; from < steps; from += 5) {
        const [optimizerState, states] = JSON.parse(saved[from]!) as [never, SchedulerStateDict[]];
        const again = createOptimizer({ optimizer, lrs: [0.7, 0.8, 0.9] });
        const resumed = specs.map((spec) => createScheduler(again, spec));
        again.loadStateDict(optimizerState);
        resumed.forEach((each, i) => each.loadStateDict(states[i]!));
        for (let step = from; step < steps; step++) {
          expect(snapshot(again, resumed)).toEqual(snapshots[step]);
          stepAll(resumed, specs, step);
        }
      }
    }
  });
});

const optimizer = (lr = 0.1) => new SGD([zeros([1], { requiresGrad: true })], { lr });

test("a state dict is a copy, and what is loaded too", () => {
  const scheduler = createScheduler(optimizer(), { name: "MultiStepLR", options: { milestones: [2] } });
  const state = scheduler.stateDict();
  (state.options["milestones"] as number[])[0] = 1;
  state.lastValues[0] = 9;
  (state["baseValues"] as number[])[0] = 9;
  expect(scheduler.stateDict()).toEqual({ target: "lr", lastEpoch: 0, lastValues: [0.1], baseValues: [0.1], options: { milestones: [2], gamma: 0.1 } });
  scheduler.loadStateDict(state);
  (state.options["milestones"] as number[])[0] = 7;
  expect(scheduler.stateDict().options["milestones"]).toEqual([1]);
});

test("options come from the state dict, functions from the constructor", () => {
  const from = new StepLR(optimizer(), { stepSize: 2, gamma: 0.5 });
  const group = optimizer();
  const to = new StepLR(group, { stepSize: 9 });
  to.loadStateDict(throughJson(from.stateDict()));
  to.step();
  to.step();
  expect(group.paramGroups[0]!.lr).toBe(0.05);

  const lambda = new LambdaLR(optimizer(), { lrLambda: (epoch) => epoch + 1 });
  lambda.loadStateDict(throughJson(new LambdaLR(optimizer(), { lrLambda: () => 5 }).stateDict()));
  lambda.step();
  expect(lambda.getLastLr()).toEqual([0.2]);
});

test.each([-Infinity, Infinity, -3.5])("the best metric %s survives JSON", (metric) => {
  for (const mode of ["min", "max"] as const) {
    const first = new ReduceLROnPlateau(optimizer(), { mode, patience: 0 });
    first.step(metric);
    const second = new ReduceLROnPlateau(optimizer(first.getLastLr()[0]), { mode, patience: 0 });
    second.loadStateDict(throughJson(first.stateDict()));
    expect(second.stateDict()).toEqual(first.stateDict());
    for (const each of [first, second]) each.step(0);
    expect(second.stateDict()).toEqual(first.stateDict());
  }
});

test("a state dict that does not fit changes nothing", () => {
  const scheduler = new SequentialLR(...((one) => [one, { schedulers: [new StepLR(one, { stepSize: 2 }), new StepLR(one, { stepSize: 3 })], milestones: [4] }] as const)(optimizer()));
  scheduler.step();
  const good = scheduler.stateDict();
  const parts = good["schedulers"] as SchedulerStateDict[];
  const refused: [unknown, RegExp][] = [
    [null, /SequentialLR.loadStateDict\(dict\): expected \{ lastEpoch, lastValues, options, schedulers, target \} from stateDict\(\), got null/],
    [parts[0], /expected lastEpoch, lastValues, options, schedulers, target, got baseValues, .*is it of another scheduler\?/],
    [{ ...good, options: {} }, /loadStateDict: options: expected milestones, got no fields/],
    [{ ...good, options: { milestones: [1, 2] } }, /milestones: expected 1 for 2 schedulers, one fewer than those, got 2/],
    [{ ...good, options: { milestones: [-1] } }, /milestones\[0\]: expected an integer of at least 0/],
    [{ ...good, target: "rho" }, /target: expected "lr", got the string "rho"/],
    [{ ...good, lastEpoch: 1.5 }, /lastEpoch: expected an integer/],
    [{ ...good, lastValues: [null] }, /lastValues\[0\]: expected a number/],
    [{ ...good, schedulers: [parts[0]] }, /schedulers: expected an array of 2 state dicts, got an array of length 1/],
    [{ ...good, lastEpoch: 40, schedulers: [{ ...parts[0], lastEpoch: 40 }, { ...parts[1], options: { stepSize: 0, gamma: 1 } }] }, /StepLR: stepSize: expected an integer of at least 1, got the number 0/],
    [{ ...good, lastEpoch: 40, schedulers: [parts[0], { ...parts[1], baseValues: [1, 2] }] }, /baseValues: expected at most one per parameter group, 1, got 2/],
  ];
  for (const [dict, text] of refused) expectError(() => scheduler.loadStateDict(dict as never), "ERR_ARGUMENT", text);
  expect(scheduler.stateDict()).toEqual(good);

  const plateau = new ReduceLROnPlateau(optimizer());
  const state = plateau.stateDict();
  for (const [field, value] of [["best", null], ["best", "low"], ["numBadEpochs", -1], ["cooldownCounter", 0.5]] as const)
    expectError(() => plateau.loadStateDict({ ...state, [field]: value } as never), "ERR_ARGUMENT", new RegExp(`ReduceLROnPlateau.loadStateDict: ${field}: expected`));
  expect(plateau.stateDict()).toEqual(state);
});
