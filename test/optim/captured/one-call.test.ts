/**
 * A step over captured functions is one native call, whatever the algorithm and the base optimizer; where that cannot be, it is
 * taken in pieces and gives the same.
 */
import {
  Adadelta, Adagrad, Adam, Adamax, AdamW, capture, crossEntropy, DGSAM, DISAM, ERM, manualSeed, NAdam, noGrad, RAdam, randint, randn, RMSprop, SAM, scope, SGD,
  type Closure, type MLP, type Passes, type Tensor,
} from "dgsam";
import { describe, expect, test } from "vitest";
import { WSAM } from "../../../examples/custom-algorithm/wsam.js";
import { FAMILY, type AnyWrapper } from "../sharpness/family.js";
import { expectError, stateBits } from "../support.js";
import { callsOf, captured, SIZES } from "./native-calls.js";

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
      // The first step asks where the parameters lie.
      optimizer.step(closures);
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

  /** Parameters after some steps of an optimizer in both modes. */
  function both(optimizerOf: (model: MLP) => { step(closures: Closure[]): unknown }): unknown[] {
    return ["eager", "captured"].map((mode) => {
      manualSeed(3);
      const { model, closures } = captured();
      const optimizer = optimizerOf(model);
      for (let step = 0; step < 4; step++) optimizer.step(mode === "captured" ? closures : closures.map((closure) => () => closure()));
      return stateBits(model.parameters());
    });
  }

  test("an input that was disposed of, after an operator, is not the operator's fault", () => {
    const { model } = captured();
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const y = randint(3, [4]);
    const [x, gone] = [randn([4, SIZES[0]!]), randn([4, SIZES[0]!])];
    for (let call = 0; call < 3; call++) scope(() => loss(x!, y));
    const optimizer = new DGSAM(model.parameters(), SGD, { lr: 0.1, order: "fixed" });
    optimizer.step([loss.on(x!, y), loss.on(gone!, y)]);
    const before = stateBits([...model.parameters(), optimizer.stateDict()]);
    gone!.dispose();
    expectError(() => optimizer.step([loss.on(x!, y), loss.on(gone!, y)]), "ERR_DISPOSED", /^(?!.*climb_)/);
    expect(stateBits([...model.parameters(), optimizer.stateDict()])).toEqual(before);
  });

  test("a run that goes back on its way", () => {
    class Returning extends ERM {
      static override readonly isPlannable = true;
      protected override run(passes: Passes): void {
        passes.differentiateMean();
        this.climb.ascend();
        passes.differentiateMean();
        this.climb.restore();
        passes.differentiateMean();
        this.climb.gather();
      }
    }
    const [eager, replayed] = both((model) => new Returning(model.parameters(), SGD, { lr: 0.1 }));
    expect(replayed).toEqual(eager);
  });

  test("a run that does not end", () => {
    class Endless extends SAM {
      static override readonly isPlannable = true;
      protected override gather(): void {}
    }
    const { model, closures } = captured();
    const optimizer = new Endless(model.parameters(), SGD, { lr: 0.1 });
    const start = stateBits(model.parameters());
    for (let step = 0; step < 2; step++) expectError(() => optimizer.step(closures), "ERR_STATE", /expected climb\.gather\(\)/);
    expect(stateBits(model.parameters())).toEqual(start);
  });

  test("a descent of the user's own is called", () => {
    class Descending extends SAM {
      static override readonly isPlannable = true;
      protected override descendBase(): void {
        for (const parameter of this.climb.parameters) parameter.grad!.mul_(0.5);
        super.descendBase();
      }
    }
    const [eager, replayed] = both((model) => new Descending(model.parameters(), SGD, { lr: 0.1 }));
    expect(replayed).toEqual(eager);
    let calls = 0;
    const { model, closures } = captured();
    const optimizer = new SAM(model.parameters(), SGD, { lr: 0.1 });
    const step = optimizer.base.step.bind(optimizer.base);
    optimizer.base.step = () => (calls++, step());
    for (let count = 0; count < 3; count++) optimizer.step(closures);
    expect(calls).toBe(3);
  });

  test("DISAM does not differentiate by what another domain's pass wrote", () => {
    const weight = randn([4]).requiresGrad_();
    const buffer = randn([4]);
    const lossOf = (x: Tensor) => {
      noGrad(() => buffer.mul_(0.9).add_(x.detach().mean(0), { alpha: 0.1 }));
      return weight.mul(buffer).mul(x).pow(2).mean();
    };
    const loss = capture(lossOf);
    const inputs = [randn([3, 4]), randn([3, 4])];
    const optimizer = new DISAM([weight], SGD, { lr: 0.1 });
    for (let call = 0; call < 3; call++) scope(() => loss(inputs[0]!));
    for (const closures of [inputs.map((x) => loss.on(x)), inputs.map((x) => () => lossOf(x))]) expectError(() => optimizer.step(closures), "ERR_NATIVE", /modified by an inplace operation/);
  });

  test("checked replays where a parameter was frozen meanwhile", () => {
    const [a, b] = [randn([3]).requiresGrad_(), randn([3]).requiresGrad_()];
    const loss = capture((x: Tensor) => a!.mul(x).add(b!).pow(2).mean(), { check: 3 });
    const optimizer = new ERM([a!, b!], SGD, { lr: 0.1 });
    const x = randn([3]);
    for (let step = 0; step < 4; step++) optimizer.step([loss.on(x)]);
    b!.requiresGrad = false;
    const { checked } = loss.stats;
    for (let step = 0; step < 8; step++) optimizer.step([loss.on(x)]);
    expect(loss.stats.checked).toBeGreaterThan(checked);
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
