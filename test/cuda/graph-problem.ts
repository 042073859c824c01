/** The problem that tests of graphs on a device share: three domains, a net with statistics and dropout, steps over captured functions. */
import { BatchNorm1d, capture, crossEntropy, Dropout, Linear, manualSeed, randint, randn, ReLU, scope, Sequential, type GraphStats, type StepResult, type Tensor } from "dgsam";
import type { AnyWrapper } from "../optim/sharpness/family.js";
import { stateBits } from "../optim/support.js";

const device = "cuda";

export const STEPS = 40;

export function problem(Wrapper: unknown, Base: unknown, options: object, also: (loss: Tensor) => Tensor = (loss) => loss) {
  manualSeed(1);
  const model = new Sequential(new Linear(16, 32), new BatchNorm1d(32), new ReLU(), new Dropout(0.3), new Linear(32, 4)).to(device);
  const optimizer = new (Wrapper as AnyWrapper)(model.parameters(), Base, { ...options, model });
  const loss = capture((x: Tensor, y: Tensor) => also(crossEntropy(model.forward(x) as Tensor, y)));
  const step = (size = 8) => optimizer.step(Array.from({ length: 3 }, () => loss.on(randn([size, 16], { device }), randint(4, [size], { device }))));
  const state = () => stateBits([[...model.parameters(), ...model.buffers()], optimizer.stateDict()]);
  return { model, optimizer, step, state };
}

export interface Told {
  readonly result: StepResult;
  readonly state: unknown;
  /** The bits of what the base optimizer descended along. */
  readonly gradients: unknown;
}

/** Steps whose radius and learning rate follow a schedule, each looked at. */
export function take(graphs: "auto" | false, Wrapper: unknown, Base: unknown, options: object, steps = STEPS): { told: Told[]; graphs: GraphStats } {
  return scope(() => {
    const { model, optimizer, step, state } = problem(Wrapper, Base, { ...options, graphs });
    const [group] = optimizer.paramGroups as unknown as [Record<string, number>];
    const { radiusKey } = optimizer;
    const { lr, [radiusKey]: radius } = group as { lr: number } & Record<typeof radiusKey, number>;
    const told = Array.from({ length: steps }, (_, i) => scope(() => {
      Object.assign(group, { lr: lr * (1 + Math.cos(i)), [radiusKey]: radius / (1 + i) });
      return { result: { ...step() }, state: state(), gradients: stateBits(model.parameters().map(({ grad }) => grad)) };
    }));
    return { told, graphs: optimizer.graphs };
  });
}
