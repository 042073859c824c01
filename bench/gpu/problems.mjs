/** What is trained: a network with a random minibatch per domain, how it lies in memory and what it computes in. */

import { autocast, capture, crossEntropy, manualSeed, randint, randn } from "dgsam";
import { DOMAINS } from "../cases/networks.mjs";
import { newLayers, SIZES } from "./networks.mjs";

/** `options` bear the names of torch_steps.py. */
export const FORMATS = [
  { name: "float32", options: {} },
  { name: "float32, channels last", options: { channels_last: true } },
  { name: "bfloat16 autocast", options: { autocast: "bfloat16" } },
  { name: "bfloat16 autocast, channels last", options: { autocast: "bfloat16", channels_last: true } },
];

/**
 * @param {(typeof import("./networks.mjs").NETWORKS)[number]} network
 * @param {{ size?: "full" | "tiny", device?: "cpu" | "cuda", dtype?: "float32" | "float64", channels_last?: boolean, autocast?: "bfloat16" }} [options]
 * @returns closures of each domain's loss, and what gives them as captured functions
 */
export function newProblem({ channels, of, make }, { size = "full", device = "cpu", dtype = "float32", channels_last: channelsLast = false, autocast: dtype16 } = {}) {
  manualSeed(0);
  const { batch } = SIZES[size];
  const shape = of(SIZES[size]);
  const layers = newLayers({ dtype, device, channelsLast });
  const forward = make(layers, shape);
  const batches = Array.from({ length: DOMAINS }, () => {
    const x = randn([batch, channels, shape.image, shape.image], { dtype, device });
    return { x: channelsLast ? x.contiguous({ memoryFormat: "channels_last" }) : x, y: randint(shape.classes, [batch], { device }) };
  });
  const plain = (x, y) => crossEntropy(forward(x), y);
  const owned = [...layers.parameters, ...batches.flatMap(({ x, y }) => [x, y])];
  const loss = dtype16 === undefined ? plain : (x, y) => autocast(() => plain(x, y), { device, dtype: dtype16 });
  return {
    forward,
    batches,
    parameters: layers.parameters,
    /** What {@link dispose} disposes of. */
    owned,
    closures: batches.map(({ x, y }) => () => loss(x, y)),
    captured() {
      const captured = capture(loss);
      owned.push(captured);
      return { captured, closures: batches.map(({ x, y }) => captured.on(x, y)) };
    },
    /** Graphs hold gigabytes, which the garbage collector does not see. */
    dispose() {
      for (const each of owned) each.dispose();
    },
  };
}
