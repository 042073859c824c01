/** The kernels of a climb, and of an optimizer, by the bytes they must move: how much longer a byte takes than in a copy from device to device. */

import { full, ops, noGrad, ones, scope, zeros, zerosLike } from "dgsam";
import { newLayers, NETWORKS, SIZES } from "./networks.mjs";
import { atRest } from "./sides.mjs";
import { inTurns } from "./turns.mjs";

/** 85% of a copy's bandwidth. */
const GOAL = 1 / 0.85;
const RHO = 1e-6;
/** So that what is gathered again and again stays what it was: numbers that overflow are not climbed along. */
const ALMOST_NOTHING = 1e-20;

/** Tensors of 16 MB, so that a launch and a wait are nothing beside them. */
const LARGE = { full: { count: 48, elements: 2 ** 22 }, tiny: { count: 3, elements: 1000 } };

/** How often every element of the parameters is read or written at least, by kernel. */
const KERNELS = [
  // Gradients for the norm; then gradients, parameters (twice), the saved copy and the sum.
  { name: "first ascent (norm, save, sum, climb)", moves: 6, run: (lists) => climb(lists, true) },
  { name: "ascent (norm, sum, climb)", moves: 6, run: (lists) => climb(lists, false) },
  // Gradients and parameters for the norm; then gradients, parameters (twice) and the sum (twice).
  { name: "adaptive ascent (norm, sum, climb)", moves: 7, run: (lists) => climb(lists, false, true) },
  // Gradients and the sum (twice).
  { name: "summing", moves: 3, run: ({ parameters, sums, ledger }) => ops.dgsam["accumulate_.late"](parameters, sums, false, ledger, 1) },
  // Gradients (twice), the sum, the saved copy and the parameters; both norms are taken on the way.
  { name: "gathering and way back", moves: 5, run: ({ parameters, saved, sums, ledger }) => ops.dgsam["gather_.late"](parameters, saved, sums, ALMOST_NOTHING, 1, ledger, 1) },
  // Gradients and the sum for the inner product; then as above.
  { name: "GSAM's gathering and way back", moves: 7, run: ({ parameters, saved, sums, ledger }) => ops.dgsam["gather_orthogonal_.late"](parameters, saved, sums, 0.4, 1, ledger, 1) },
  { name: "way back", moves: 2, run: ({ parameters, saved }) => ops.dgsam["restore_.default"](parameters, saved) },
  // Gradients; parameters and both running means (twice). At a learning rate of 0, so that the parameters stay what they are.
  { name: "Adam's step", moves: 7, run: ({ parameters, averages, squares, steps }) => ops.dgsam["adam_.default"](parameters, averages, squares, [], steps, 0, 0.9, 0.999, 1e-8, 0, false, false) },
  { name: "NAdam's step", moves: 7, run: ({ parameters, averages, squares, steps, products }) => ops.dgsam["nadam_.default"](parameters, averages, squares, products, steps, 0, 0.9, 0.999, 1e-8, 0, 0.004, false, false) },
  { name: "RAdam's step", moves: 7, run: ({ parameters, averages, squares, steps }) => ops.dgsam["radam_.default"](parameters, averages, squares, steps, 0, 0.9, 0.999, 1e-8, 0, false, false) },
  { name: "Adamax's step", moves: 7, run: ({ parameters, averages, squares, steps }) => ops.dgsam["adamax_.default"](parameters, averages, squares, steps, 0, 0.9, 0.999, 1e-8, 0, false) },
  { name: "Adadelta's step", moves: 7, run: ({ parameters, averages, squares, steps }) => ops.dgsam["adadelta_.default"](parameters, averages, squares, steps, 0, 0.9, 1e-6, 0, false) },
  // Gradients; parameters and one running mean or sum (twice).
  { name: "RMSprop's step", moves: 5, run: ({ parameters, squares, steps }) => ops.dgsam["rmsprop_.default"](parameters, squares, [], [], steps, 0, 0.99, 1e-8, 0, 0, false) },
  { name: "Adagrad's step", moves: 5, run: ({ parameters, squares, steps }) => ops.dgsam["adagrad_.default"](parameters, squares, steps, 0, 0, 1e-10, 0, false) },
];

/** As steps that wait for nothing make it. */
function climb({ parameters, saved, sums, rho, ledger }, first, adaptive = false) {
  return ops.dgsam["climb_.late"](parameters, saved, sums, rho, first, adaptive, null, 0, null, ledger, 1);
}

function listsOf(parameters) {
  for (const each of parameters) each.grad = noGrad(() => zerosLike(each).add(1e-3));
  const numbers = { dtype: "float64", device: parameters[0].device };
  const radius = full([], RHO, numbers);
  const like = () => parameters.map((each) => noGrad(() => zerosLike(each)));
  const steps = parameters.map(() => zeros([], { device: numbers.device }));
  const products = parameters.map(() => ones([], { device: numbers.device }));
  return { parameters, saved: like(), sums: like(), rho: parameters.map(() => radius), ledger: zeros([4], numbers), averages: like(), squares: like(), steps, products };
}

/** @param {import("./run.mjs").Context} context */
export async function* kernelRows({ device, size, seconds }) {
  const { count, elements } = LARGE[size];
  const large = Array.from({ length: count }, () => ones([elements], { device, requiresGrad: true }));
  const layers = newLayers({ device });
  const [network] = NETWORKS;
  network.make(layers, network.of(SIZES[size]));
  for (const [label, parameters] of [["Large tensors", large], [`${network.name}'s parameters`, layers.parameters]]) {
    const lists = listsOf(parameters);
    const total = parameters.reduce((sum, { numel }) => sum + numel, 0);
    const [from, to] = [ones([total], { device }), ones([total], { device })];
    const sides = Object.fromEntries(KERNELS.map(({ name, run }) => [name, atRest(() => run(lists), device)]));
    const times = await inTurns({ copy: atRest(() => scope(() => to.copy_(from)), device), ...sides }, seconds);
    for (const { name, moves } of KERNELS) yield { name: `${label}: ${name}: time per byte / a copy's`, value: times[name] / moves / (times.copy / 2), goal: GOAL };
  }
}
