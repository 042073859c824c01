/**
 * Steps that wait for nothing (`check: "late"`) over captured functions are one native call, and come to the same bits as those that are
 * taken in pieces: parameters, buffers, state, and all that is told, of steps that are left out or fail, too.
 */
import { Adam, AdamW, capture, crossEntropy, defaultGenerator, DGSAM, DISAM, ERM, manualSeed, RMSprop, SAM, scope, SGD, type Closure, type Module, type Passes, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { FAMILY, type AnyWrapper } from "../sharpness/family.js";
import { MODES, type Mode } from "../modes.js";
import { expectError, stateBits } from "../support.js";
import { ASIDES, callsOf } from "./native-calls.js";
import { drawBatches, NETS, type Batch, type Net } from "./nets.js";

/** Those of which every late step can be planned. */
const LATE = FAMILY.filter(({ name }) => name !== "LookSAM");
const BASES = [
  [SGD, { lr: 0.02 }],
  [SGD, { lr: 0.02, momentum: 0.9, nesterov: true, weightDecay: 1e-3 }],
  [Adam, { lr: 0.01, amsgrad: true }],
  [AdamW, { lr: 0.01, weightDecay: 0.05 }],
  [RMSprop, { lr: 0.001 }],
] as const;

interface Play {
  net: Net;
  Wrapper: AnyWrapper;
  Base: unknown;
  options: object;
  steps?: number;
  /** What is wrong with a step's minibatches. */
  spoil?: (batches: Batch[], step: number) => void;
  /** Halves of minibatches, as micro-batches. */
  halves?: boolean;
}

function play(mode: Mode, { net, Wrapper, Base, options, steps = 10, spoil = () => {}, halves = false }: Play): unknown[] {
  return scope(() => {
    manualSeed(1);
    const model: Module & { forward(x: Tensor): Tensor } = net.make();
    const optimizer = new Wrapper(model.parameters(), Base, { ...options, model, check: "late" });
    const lossOf = (x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y);
    const loss = capture(lossOf);
    const closureOf = (x: Tensor, y: Tensor): Closure => (mode === "captured" ? loss.on(x, y) : () => lossOf(x, y));
    const told = Array.from({ length: steps }, (_, step) => scope(() => {
      const batches = drawBatches(net);
      spoil(batches, step);
      const half = net.shape[0]! / 2;
      const closures = batches.map(({ x, y }) => (halves ? [0, half].map((start) => closureOf(x.narrow(0, start, half), y.narrow(0, start, half))) : closureOf(x, y)));
      const attempt = (): unknown => {
        try {
          return { ...optimizer.step(closures as Closure[]) };
        } catch (error) {
          // Operators have other names below autograd.
          return (error as Error).message.replace(/^(closure \d, )?.*?: /, "");
        }
      };
      const result = attempt();
      const grads = model.parameters().map(({ grad }) => grad);
      return stateBits([result, [...model.parameters(), ...model.buffers()], grads, optimizer.stateDict(), defaultGenerator().getState()]);
    }));
    if (mode === "captured") expect(loss.stats).toMatchObject({ refused: [] });
    if (mode === "captured") expect(loss.stats.replayed).toBeGreaterThan(loss.stats.eager + loss.stats.recorded);
    return told;
  });
}

function expectSame(what: Play): unknown[] {
  const [eager, captured] = MODES.map((mode) => play(mode, what)) as [unknown[], unknown[]];
  eager.forEach((expected, step) => expect(captured[step], `step ${step}`).toEqual(expected));
  return eager;
}

describe.each(BASES.map(([Base, options]) => ({ Base, options, name: `${Base.name} ${JSON.stringify(options)}` })))("late steps over $name", ({ Base, options }) => {
  test.each(FAMILY)("$name: the same bits, captured or not", ({ Wrapper, options: own }) => {
    expectSame({ net: NETS.noisy, Wrapper, Base, options: { ...options, ...own } });
  });
});

describe.each(BASES.slice(1, 3).map(([Base, options]) => ({ Base, options, name: Base.name })))("late steps over $name", ({ Base, options }) => {
  test.each(FAMILY)("$name: a domain that is not finite, by either policy, an error, and steps after them", ({ Wrapper, options: own }) => {
    for (const policy of ["skip", "throw"] as const) {
      const spoil = (batches: Batch[], step: number): void => {
        if (step === 5 || step === 6) batches[1 - (step % 2)]!.x.fill_(NaN);
        if (step === 8) batches[1]!.y.fill_(99);
      };
      const told = expectSame({ net: NETS.noisy, Wrapper, Base, options: { ...options, ...own, policy }, spoil });
      expect(JSON.stringify(told[5])).toMatch(policy === "skip" ? /"skipped":true,"nonFiniteDomain":0/ : /of domain 0 \(pass \d\) is NaN/);
      expect(JSON.stringify(told[8])).toMatch(/out of bounds/);
      expect(told[9]).not.toEqual(told[7]);
    }
  });
});

test.each([["DGSAM", DGSAM], ["SAM", SAM], ["ERM", ERM], ["DISAM", DISAM]] as const)("%s: micro-batches, a loss scale and every net", (_, Wrapper) => {
  for (const net of Object.values(NETS)) expectSame({ net, Wrapper: Wrapper as never, Base: Adam, options: { lr: 0.01 }, halves: true, steps: 8 });
});

test.each(LATE)("$name: one native call, and nothing is read before the result is", ({ Wrapper, options }) => {
  for (const net of [NETS.mlp, NETS.noisy]) {
    manualSeed(1);
    const model = net.make();
    const optimizer = new Wrapper(model.parameters(), Adam, { lr: 1e-2, ...options, model, check: "late" });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const closures = drawBatches(net).map(({ x, y }) => loss.on(x, y));
    for (let step = 0; step < 6; step++) optimizer.step(closures);
    expect(loss.stats.refused).toEqual([]);
    const results: { losses: number[] }[] = [];
    const calls = callsOf(() => void results.push(optimizer.step(closures)), ASIDES);
    expect(calls.filter((name) => name === "runCommands")).toEqual(["runCommands"]);
    // The numbers are copied out of the memory that the next step writes to.
    expect(calls.slice(calls.indexOf("runCommands") + 1).length).toBeLessThanOrEqual(3);
    expect(calls.slice(0, calls.indexOf("runCommands"))).toEqual([]);
    expect(results[0]!.losses.every(Number.isFinite)).toBe(true);
  }
});

test("results may be read when others were taken since", () => {
  const run = (reads: boolean) => scope(() => {
    manualSeed(1);
    const model = NETS.mlp.make();
    const optimizer = new SAM(model.parameters(), Adam, { lr: 1e-2, check: "late" });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const results = Array.from({ length: 10 }, () => {
      const result = optimizer.step(drawBatches(NETS.mlp).map(({ x, y }) => loss.on(x, y)));
      if (reads) void result.losses;
      return result;
    });
    return results.map((result) => ({ ...result }));
  });
  expect(run(false)).toEqual(run(true));
});

test("many domains do not fit into what is there for a ledger at first", () => {
  class Many extends ERM {
    static override readonly isPlannable = true;
    protected override run(passes: Passes): void {
      for (let i = 0; i < 120; i++) {
        passes.differentiate(i % passes.domains);
        this.climb.accumulate();
      }
      this.climb.gather({ sum: 1, grad: 0 });
    }
  }
  const model = NETS.mlp.make();
  const optimizer = new Many(model.parameters(), SGD, { lr: 1e-3, check: "late" });
  const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
  const closures = drawBatches(NETS.mlp).map(({ x, y }) => loss.on(x, y));
  for (let step = 0; step < 5; step++) expect(optimizer.step(closures).gradNorms.length).toBe(121);
  expect(callsOf(() => void optimizer.step(closures), ASIDES)).toContain("runCommands");
});

test("a step that fails in its midst brings everything back", () => {
  const model = NETS.mlp.make();
  const optimizer = new DGSAM(model.parameters(), Adam, { lr: 1e-2, check: "late", order: "fixed" });
  const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
  const batches = drawBatches(NETS.mlp);
  for (let step = 0; step < 4; step++) void optimizer.step(batches.map(({ x, y }) => loss.on(x, y))).losses;
  const before = stateBits([model.parameters(), optimizer.stateDict()]);
  const { x, y } = batches[1]!;
  expectError(() => optimizer.step([loss.on(batches[0]!.x, batches[0]!.y), loss.on(x, y.mul(0).add(99))]), "ERR_ARGUMENT", /out of bounds/);
  expect(stateBits([model.parameters(), optimizer.stateDict()])).toEqual(before);
});
