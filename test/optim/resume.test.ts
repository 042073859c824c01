/**
 * A run with everything that has state, saved in mid-run and gone on with in fresh objects, ends with the same bits (on the
 * CPU, with the same number of threads).
 */
import {
  autocast, crossEntropy, DGSAM, EMA, Generator, GradScaler, LookSAM, manualSeed, MLP, NAdam, ops, ProportionalRho, randint, randn, SWAD, WarmupLR,
  CosineAnnealingLR, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { closuresIn, inBothModes, type Mode } from "./modes.js";
import { bits } from "./support.js";

/** A deep copy by way of bytes and JSON, as a file would give it back. */
function throughFile<T>(value: T): T {
  const tensors: Tensor[] = [];
  const text = JSON.stringify(value, (_, each: unknown) => {
    if (typeof each !== "object" || each === null || !("toBytes" in each)) return each;
    return { $tensor: tensors.push(ops.aten.clone(each as Tensor)) - 1 };
  });
  return JSON.parse(text, (_, each: { $tensor?: number } | null) => (each?.$tensor === undefined ? each : tensors[each.$tensor])) as T;
}

function makeRun(Algorithm: typeof DGSAM | typeof LookSAM, mode: Mode) {
  manualSeed(1);
  const model = new MLP([6, 12, 3]);
  const data = Array.from({ length: 3 }, () => ({ x: randn([32, 6]), y: randint(3, [32]) }));
  const noise = new Generator("cpu");
  noise.manualSeed(7);
  const optimizer = new Algorithm(model.parameters(), NAdam, { lr: 0.02, rho: 0.05, weightDecay: 1e-3 });
  const cosine = new CosineAnnealingLR(optimizer, { tMax: 30 });
  const schedule = new WarmupLR(optimizer, { totalIters: 5, after: cosine });
  const radius = new ProportionalRho(optimizer, { rhoMin: 0.01, rhoMax: 0.05, lrMin: 0, lrMax: 0.02 });
  // A scale that overflows now and then: it grows often.
  const scaler = new GradScaler({ initScale: 2 ** 20, growthInterval: 4 });
  const ema = new EMA(model.parameters(), { decay: 0.9 });
  const swad = new SWAD(model.parameters(), { nConverge: 2, nTolerance: 3 });
  const closureOf = closuresIn(mode, (x: Tensor, y: Tensor) => autocast(() => crossEntropy(model.forward(x), y), { dtype: "float16" }));
  const step = (number: number) => {
    const batches = data.map(({ x, y }) => ({ x: x.add(randn([32, 6], { generator: noise }).mul(0.1)), y }));
    scaler.step(optimizer, batches.map(({ x, y }) => closureOf(x, y)));
    scaler.update();
    schedule.step();
    radius.step();
    ema.update();
    swad.update();
    if (number % 3 === 0) swad.evaluate(1 / number + 0.2 * Math.sin(number));
  };
  const save = () =>
    throughFile({
      model: model.parameters(), optimizer: optimizer.stateDict(), schedule: schedule.stateDict(), radius: radius.stateDict(), scaler: scaler.stateDict(),
      ema: ema.stateDict(), swad: swad.stateDict(), noise: noise.getState(),
    });
  const load = (saved: ReturnType<typeof save>) => {
    model.parameters().forEach((param, i) => void param.detach().copy_(saved.model[i]!.detach()));
    optimizer.loadStateDict(saved.optimizer as never);
    schedule.loadStateDict(saved.schedule);
    radius.loadStateDict(saved.radius);
    scaler.loadStateDict(saved.scaler);
    ema.loadStateDict(saved.ema);
    swad.loadStateDict(saved.swad);
    noise.setState(saved.noise);
  };
  const outcome = () => {
    const last = bits(model.parameters());
    const averaged = ema.swap(() => bits(model.parameters()));
    return { last, averaged, steps: optimizer.stateDict().steps, valley: swad.result(), scale: scaler.getScale(), lr: schedule.getLastLr(), rho: radius.getLastValues() };
  };
  return { step, save, load, outcome };
}

describe.each(inBothModes([{ name: "DGSAM", Algorithm: DGSAM }, { name: "LookSAM", Algorithm: LookSAM }]))("a run with $name, $mode", ({ Algorithm, mode }) => {
  test("goes on with the same bits, wherever it was stopped", () => {
    const whole = makeRun(Algorithm, mode);
    for (let number = 1; number <= 24; number++) whole.step(number);
    // The scaler left some out.
    expect(whole.outcome().steps).toBeLessThan(24);
    expect(whole.outcome().steps).toBeGreaterThan(12);
    for (const stop of [1, 2, 7, 13, 20]) {
      const first = makeRun(Algorithm, mode);
      for (let number = 1; number <= stop; number++) first.step(number);
      const saved = first.save();
      const second = makeRun(Algorithm, mode);
      second.load(saved);
      for (let number = stop + 1; number <= 24; number++) second.step(number);
      expect(second.outcome()).toEqual(whole.outcome());
    }
  });
});
