/** PyTorch's own optimizer inputs and error inputs, replayed natively: the numbers of torch.optim, and its refusals. */
import { noGrad, ops, tensor, type DType, type Tensor } from "dgsam";
import { beforeAll, describe, expect, test } from "vitest";
import { OPTIMIZERS, type Options, type OptimizerName } from "../../reference/cases.js";
import { hasTorch, oracle } from "../../reference/oracle.js";
import { expectError, values, worstError } from "../support.js";
import { native } from "./make.js";

interface Numbers {
  readonly shape: number[];
  readonly values: number[];
}

interface Input {
  readonly name: OptimizerName;
  readonly description: string;
  readonly dtype: DType;
  readonly options: Options;
  readonly start: Numbers[];
  readonly grads: (Numbers | null)[][];
  readonly end: Numbers[];
  readonly states: Record<string, Numbers>[];
}

interface Refusal {
  readonly name: OptimizerName;
  readonly description: string;
  readonly options: Options;
}

interface Database {
  readonly inputs: Input[];
  readonly errors: Refusal[];
  readonly unmapped: string[];
}

const camelCase = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
const translated = (options: Options): Options => Object.fromEntries(Object.entries(options).map(([key, value]) => [camelCase(key), value]));

const REAL_OF: Partial<Record<DType, DType>> = { complex64: "float32", complex128: "float64" };

function load({ shape, values }: Numbers, dtype: DType): Tensor {
  const real = tensor(values, { dtype: REAL_OF[dtype] ?? dtype }).reshape(shape);
  return dtype in REAL_OF ? (ops.aten.view_as_complex(real) as Tensor) : real;
}

function numbersOf(source: Tensor): number[] {
  const real = source.dtype in REAL_OF ? (ops.aten.view_as_real(source.detach()) as Tensor) : source.detach();
  return values(real.to("float64").contiguous());
}

/** They make the calls that torch.optim makes by default on the CPU, for real numbers. */
const BIT_FOR_BIT: readonly string[] = ["RMSprop", "Adadelta", "NAdam", "Adamax"];
/** Fused kernels and RAdam round in other places, 16-bit numbers by several last bits in six steps. */
const TOLERANCE: Partial<Record<DType, number>> = { float64: 1e-12, complex128: 1e-12, float32: 2e-6, complex64: 2e-6, bfloat16: 4e-2 };

const PARAMETERS: Record<string, (param: Tensor) => unknown> = {
  "invalid param type": (param) => param,
  "a param group cannot have duplicate parameters": (param) => [param, param],
  "duplicate parameters should not occur across param groups either": (param) => [{ params: [param] }, { params: [param] }],
};

describe.skipIf(!hasTorch)("PyTorch's optim_db", () => {
  let database: Database;
  beforeAll(() => {
    database = oracle("optim/descent/optim_db.py", { names: OPTIMIZERS, dtypes: Object.keys(TOLERANCE), steps: 6 });
  });

  test.each(OPTIMIZERS)("%s gives the parameters and the state of torch.optim on every input", (name) => {
    const inputs = database.inputs.filter((each) => each.name === name);
    expect(inputs.length).toBeGreaterThanOrEqual(5 * Object.keys(TOLERANCE).length);
    for (const { description, dtype, options, start, grads, end, states } of inputs) {
      const label = `${description}, ${dtype}`;
      const tolerance = BIT_FOR_BIT.includes(name) && !(dtype in REAL_OF) ? 0 : TOLERANCE[dtype]!;
      const params = start.map((each) => noGrad(() => load(each, dtype)));
      for (const param of params) param.requiresGrad = true;
      const optimizer = native(name, params, translated(options));
      for (const step of grads) {
        params.forEach((param, i) => (param.grad = step[i] === null ? null : load(step[i]!, dtype)));
        optimizer.step();
      }
      const { state } = optimizer.stateDict();
      params.forEach((param, i) => {
        expect(worstError(numbersOf(param), end[i]!.values), label).toBeLessThanOrEqual(tolerance);
        const expected = Object.entries(states[i]!).map(([key, each]) => [camelCase(key), each.values] as const);
        const own = state[i] ?? {};
        expect(Object.keys(own).sort(), label).toEqual(expected.map(([key]) => key).sort());
        for (const [key, each] of expected) expect(worstError(numbersOf(own[key]!), each), `${label}: ${key}`).toBeLessThanOrEqual(tolerance);
      });
    }
  });

  test("what torch.optim refuses is refused", () => {
    expect(database.errors.length).toBeGreaterThan(4 * OPTIMIZERS.length);
    for (const { name, description, options } of database.errors) {
      const param = tensor([1], { dtype: "float32", requiresGrad: true });
      const params = PARAMETERS[description]?.(param) ?? [param];
      const culprit = Object.keys(options).at(-1);
      const text = description in PARAMETERS ? /params/ : new RegExp(`${name}: ${camelCase(culprit!)}`);
      expectError(() => native(name, params as Tensor[], translated(options)), "ERR_ARGUMENT", text);
    }
  });

  test("only what Python alone has is left out", () => {
    expect([...new Set(database.unmapped)].sort()).toEqual([
      "all optimizer param groups should be with/without names.",
      "all optimizer params should be with/without names",
      "betas must be either both floats or both Tensors",
      "betas\\[0\\] as a Tensor is not supported for capturable=False and foreach=True",
      "lr as Tensor doesn't work with foreach & not capturable",
    ]);
  });
});
