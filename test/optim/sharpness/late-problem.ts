/** A small net over three domains, as the tests of late steps take it. */
import { BatchNorm1d, crossEntropy, Linear, manualSeed, ops, randint, randn, ReLU, Sequential, type Closure, type Tensor } from "dgsam";
import { values } from "../support.js";

const { aten } = ops;

export interface Problem {
  readonly model: Sequential;
  readonly batches: { x: Tensor; y: Tensor }[];
  readonly closures: Closure[];
}

export function problem(seed = 3): Problem {
  manualSeed(seed);
  const model = new Sequential(new Linear(6, 8), new BatchNorm1d(8), new ReLU(), new Linear(8, 3));
  const batches = Array.from({ length: 3 }, () => ({ x: randn([4, 6]), y: randint(3, [4]) }));
  return { model, batches, closures: batches.map(({ x, y }) => () => crossEntropy(model.forward(x) as Tensor, y)) };
}

export const numbers = (model: Sequential): number[] => [...model.parameters(), ...model.buffers()].flatMap((each) => values(each.detach()));

/** A NaN in one element of a minibatch. */
export const spoil = ({ x }: { x: Tensor }): void => void aten.fill_(aten.select(aten.view(x, [-1]), 0, 5), NaN);
