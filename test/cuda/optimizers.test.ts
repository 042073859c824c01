/** Base optimizers whose step on a GPU is kernels of our own, against the CPU's. */
import { Adadelta, Adagrad, Adam, Adamax, AdamW, manualSeed, NAdam, RAdam, randn, RMSprop, scope, type DType, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import type { Optimizer } from "../../lib/optim/descent/optimizer.js";
import { worstError } from "../optim/support.js";
import { describeOnCuda, hasKernels } from "./support.js";

const device = "cuda";
type AnyBase = new (params: Tensor[], options?: object) => Optimizer<{ lr: number }>;
const BASES = [
  ["Adam", Adam, { weightDecay: 0.1 }], ["Adam, AMSGrad, maximize", Adam, { amsgrad: true, maximize: true }], ["AdamW", AdamW, { weightDecay: 0.1 }],
  ["RMSprop", RMSprop, {}], ["RMSprop, centered, momentum", RMSprop, { momentum: 0.9, centered: true, weightDecay: 0.1 }], ["Adagrad", Adagrad, { lrDecay: 0.1, initialAccumulatorValue: 0.2 }],
  ["Adadelta", Adadelta, { weightDecay: 0.1 }], ["NAdam", NAdam, { weightDecay: 0.1 }], ["NAdam, decoupled", NAdam, { weightDecay: 0.1, decoupledWeightDecay: true }],
  ["RAdam", RAdam, {}], ["RAdam, decoupled, maximize", RAdam, { weightDecay: 0.1, decoupledWeightDecay: true, maximize: true }], ["Adamax", Adamax, {}],
] as unknown as [string, AnyBase, object][];
// Of 16 bits the CPU's functions round every operation, and these what is stored.
const DTYPES: [DType, number][] = [["float64", 1e-12], ["float32", 1e-5], ["bfloat16", 0.05], ["float16", 0.01]];
// Several pieces with a rest, and small ones.
const SHAPES = [[20_011], [64, 3, 7, 7], [64], []];
// What data() gives of 16 bits are the bits.
const wide = (each: Tensor): Float64Array => each.detach().cpu().to("float64").data() as Float64Array;

describeOnCuda("optimizers", () => {
  test.each(BASES.flatMap(([name, Base, options]) => DTYPES.map(([dtype, tolerance]) => [name, dtype, Base, options, tolerance] as const)))(
    "%s of %s: as on the CPU, and what it remembers goes on there",
    (_name, dtype, Base, options, tolerance) => scope(() => {
      const sides = ["cpu", device].map((where) => {
        const parameters = SHAPES.map((shape) => randn(shape).to(dtype).to(where).requiresGrad_());
        return { where, parameters, optimizer: new Base(parameters, { ...options, eps: 0.1 }) };
      }) as [Side, Side];
      const [here, there] = sides;
      const step = (): void => {
        const gradients = SHAPES.map((shape) => randn(shape).to(dtype));
        for (const { where, parameters, optimizer } of sides) {
          // The last one has a gradient in the fourth step alone.
          parameters.forEach((parameter, i) => (parameter.grad = i === 3 && optimizer.state.get(parameters[0]!)?.["step"]?.item() !== 3 ? null : gradients[i]!.to(where)));
          optimizer.step();
        }
      };
      // Beside 1 for those without an element of that size: a single number may end near zero.
      const compare = (): void => here.parameters.forEach((parameter, i) => expect(worstError([1, ...wide(there.parameters[i]!)], [1, ...wide(parameter)])).toBeLessThan(tolerance));
      const load = (from: Side, to: Side): void => {
        from.parameters.forEach((parameter, i) => to.parameters[i]!.detach().copy_(parameter.detach()));
        to.optimizer.loadStateDict(from.optimizer.stateDict());
      };
      load(here, there);
      for (let i = 0; i < 8; i++) step();
      compare();
      // Without kernels counts lie on the host.
      if (hasKernels) for (const state of there.optimizer.state.values()) expect(Object.values(state).map((each) => each.device)).toEqual(Object.keys(state).map(() => there.parameters[0]!.device));
      load(there, here);
      load(here, there);
      for (let i = 0; i < 3; i++) step();
      compare();
    }),
  );
});

describeOnCuda("optimizers over two devices", () => {
  test.each(BASES)("%s: as on the CPU", (_name, Base, options) => scope(() => {
    const sides = [["cpu", "cpu"], ["cuda:0", "cuda:1"]].map((devices) => {
      manualSeed(3);
      const parameters = SHAPES.flatMap((shape) => devices.map((where) => randn(shape).to(where).requiresGrad_()));
      return { parameters, optimizer: new Base(parameters, { ...options, eps: 0.1 }) };
    });
    for (let i = 0; i < 5; i++) {
      for (const { parameters, optimizer } of sides) {
        manualSeed(i);
        for (const parameter of parameters) parameter.grad = randn(parameter.shape).to(parameter.device);
        optimizer.step();
      }
    }
    const [here, there] = sides.map(({ parameters }) => parameters.map(wide));
    here!.forEach((expected, i) => expect(worstError(there![i]!, expected)).toBeLessThan(1e-5));
  }));
}, 2);

interface Side {
  readonly where: string;
  readonly parameters: Tensor[];
  readonly optimizer: Optimizer<{ lr: number }>;
}
