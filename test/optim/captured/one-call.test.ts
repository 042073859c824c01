/**
 * A step over captured functions is one native call, whatever the algorithm and the base optimizer, and the same in several
 * threads; where that cannot be, it is taken in pieces and gives the same.
 */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, capture, crossEntropy, DGSAM, DISAM, ERM, getNumThreads, manualSeed, MLP, NAdam, RAdam, randint, randn, RMSprop, SAM, scope, setNumThreads, SGD,
  type Closure, type Passes, type Tensor,
} from "dgsam";
import { afterEach, describe, expect, test } from "vitest";
import { WSAM } from "../../../examples/custom-algorithm/wsam.js";
import { native } from "../../../lib/native.js";
import { FAMILY, type AnyWrapper } from "../sharpness/family.js";
import { expectError, stateBits } from "../support.js";

const SIZES = [6, 8, 3];

interface Problem {
  readonly model: MLP;
  readonly closures: Closure[];
}

/** Domains of one captured function that was recorded, their minibatches of `count` examples. */
function captured(sizes: number[] = SIZES, count = 4, domains = 3): Problem {
  const model = new MLP(sizes);
  const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
  const batches = Array.from({ length: domains }, () => ({ x: randn([count, sizes[0]!]), y: randint(sizes.at(-1)!, [count]) }));
  for (let call = 0; call < 3; call++) scope(() => loss(batches[0]!.x, batches[0]!.y));
  expect(loss.stats.replayed).toBe(1);
  return { model, closures: batches.map(({ x, y }) => loss.on(x, y)) };
}

type Entries = Record<string, (...args: unknown[]) => unknown>;
const entries = native as unknown as Entries;
const original: Entries = { ...entries };
afterEach(() => void Object.assign(entries, original));

/** Which entries of the addon a function calls, but for questions and settings of this thread's modes. */
function callsOf(run: () => void): string[] {
  const calls: string[] = [];
  for (const [name, entry] of Object.entries(original)) {
    if (typeof entry === "function" && !["gradMode", "setGradMode", "setFrame"].includes(name)) entries[name] = (...args) => (calls.push(name), entry(...args));
  }
  try {
    run();
  } finally {
    Object.assign(entries, original);
  }
  return calls;
}

describe("one native call", () => {
  test.each(FAMILY)("$name", ({ Wrapper, options }) => {
    const { model, closures } = captured();
    const optimizer = new Wrapper(model.parameters(), Adam, { lr: 1e-2, ...options });
    // The first steps make the base optimizer's state and scratch; every fifth of LookSAM's is of another kind.
    for (let step = 0; step < 6; step++) optimizer.step(closures);
    for (let step = 0; step < 7; step++) expect(callsOf(() => void optimizer.step(closures)), `step ${step}`).toEqual(["runCommands"]);
    expect(callsOf(() => void optimizer.stepScaled(8, closures))).toEqual(["runCommands"]);
    const halves = closures.map((closure) => [closure, closure]);
    // DISAM weighs domains by their losses, which of micro-batches are several.
    if (!(optimizer instanceof DISAM)) expect(callsOf(() => void optimizer.step(halves))).toEqual(["runCommands"]);
    else optimizer.step(halves);
  });

  test.each([SGD, Adam, AdamW, RMSprop, Adagrad, Adadelta, NAdam, RAdam, Adamax].map((Base) => ({ Base, name: Base.name })))("over $name", ({ Base }) => {
    const { model, closures } = captured();
    const [first, ...others] = model.parameters();
    const groups = [{ params: [first!] }, { params: others, lr: 1e-3 }];
    const optimizer = new (DGSAM as unknown as AnyWrapper)(groups, Base, Base === SGD ? { momentum: 0.9 } : {});
    optimizer.step(closures);
    expect(callsOf(() => void optimizer.step(closures))).toEqual(["runCommands"]);
  });

  test("clipping and a base optimizer of the user's own come after it", () => {
    class Own extends SGD {
      override step(): void {
        super.step();
      }
    }
    for (const [Base, options] of [[SGD, { clipGradNorm: 1 }], [SGD, { clipGradValue: 1 }], [Own, {}]] as const) {
      const { model, closures } = captured();
      const optimizer = new ERM(model.parameters(), Base, { lr: 0.1, ...options });
      const calls = callsOf(() => void optimizer.step(closures));
      expect(calls[0]).toBe("runCommands");
      expect(calls.slice(1)).toContain("call");
      expect(calls.slice(1)).not.toContain("runCommands");
    }
  });

  test("an algorithm of the user's own that says so", () => {
    const { model, closures } = captured();
    const optimizer = new WSAM([...model.parameters()], SGD, { gamma: 0.8, lr: 0.1 });
    for (let step = 0; step < 2; step++) optimizer.step(closures);
    expect(callsOf(() => void optimizer.step(closures))).toEqual(["runCommands"]);
  });

  test("what cannot be planned is taken in pieces, and undone() is called before it", () => {
    let plans = 0;
    let undone = 0;
    class Combining extends ERM {
      static override readonly isPlannable = true;
      protected override run(passes: Passes): void {
        plans++;
        passes.differentiateMean();
        this.climb.accumulate();
        this.climb.combine(0.5, 0.5);
        this.climb.gather({ sum: 1, grad: 0 });
      }
      protected override undone(): void {
        undone++;
      }
    }
    const { model, closures } = captured();
    const optimizer = new Combining(model.parameters(), SGD, { lr: 0.1 });
    expect(callsOf(() => void optimizer.step(closures))).not.toContain("runCommands");
    expect([plans, undone]).toEqual([2, 1]);
  });

  test("an algorithm that looks at what its climbs return is taken in pieces", () => {
    const norms: number[] = [];
    class Looking extends SAM {
      protected override ascend(): void {
        norms.push(this.climb.ascend());
      }
    }
    const { model, closures } = captured();
    const optimizer = new Looking(model.parameters(), SGD, { lr: 0.1 });
    const calls = callsOf(() => void optimizer.step(closures));
    expect(calls).not.toContain("runCommands");
    expect(norms).toHaveLength(1);
    expect(Number.isFinite(norms[0])).toBe(true);
  });

  test("parameters that a loss does not reach", () => {
    const run = (mode: "eager" | "captured") => {
      manualSeed(3);
      const { model, closures } = captured();
      const idle = randn([2, 2]).requiresGrad_();
      const params = [...model.parameters(), idle];
      const optimizer = new DGSAM(params, Adam, { lr: 0.1 });
      for (let step = 0; step < 5; step++) optimizer.step(mode === "captured" ? closures : closures.map((closure) => () => closure()));
      expect(idle.grad).toBeNull();
      return stateBits([...params, optimizer.stateDict()]);
    };
    expect(run("captured")).toEqual(run("eager"));
  });

  test("a call that fails leaves everything as it was, and names the operator", () => {
    const { model, closures } = captured();
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const x = randn([4, SIZES[0]!]);
    const right = randint(3, [4]);
    for (let call = 0; call < 3; call++) scope(() => loss(x, right));
    const wrong = loss.on(x, right.clone().fill_(99));
    for (const { Wrapper, options } of FAMILY) {
      const optimizer = new Wrapper(model.parameters(), SGD, { lr: 0.1, momentum: 0.9, ...options });
      optimizer.step(closures);
      const before = stateBits([...model.parameters(), optimizer.stateDict()]);
      const calls = callsOf(() => expectError(() => optimizer.step([closures[0]!, wrong, closures[1]!]), "ERR_ARGUMENT", /^aten::nll_loss_forward: .*99/));
      expect(calls).toContain("runCommands");
      expect(stateBits([...model.parameters(), optimizer.stateDict()])).toEqual(before);
      expect(model.parameters().every(({ grad }) => grad === null)).toBe(true);
      optimizer.step(closures);
    }
  });
});

describe("several threads", () => {
  const before = getNumThreads();
  afterEach(() => setNumThreads(before));

  // Products of matrices of 10 columns have other bits in two threads than in one; of 16 they have not.
  test.each([{ sizes: [64, 64, 10] }, { sizes: [64, 64, 16] }])("an MLP of $sizes", ({ sizes }) => {
    for (const threads of [2, 1]) {
      setNumThreads(threads);
      for (const { Wrapper, options, name } of FAMILY) {
        const run = (mode: "eager" | "captured") => scope(() => {
          manualSeed(5);
          const { model, closures } = captured(sizes, 32, 4);
          const optimizer = new Wrapper(model.parameters(), Adam, { lr: 1e-2, ...options });
          const results = Array.from({ length: 3 }, () => optimizer.step(mode === "captured" ? closures : closures.map((closure) => () => closure())));
          return stateBits([...model.parameters(), results]);
        });
        expect(run("captured"), `${name}, ${threads} threads`).toEqual(run("eager"));
      }
    }
  });
});
