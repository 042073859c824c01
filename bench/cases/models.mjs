/** The networks for images: forward and backward passes in training, eager and captured, against PyTorch's eager ones. Images lie channels last on both sides. */

import { capture, crossEntropy, makeModel, manualSeed, MODEL_NAMES, randint, randn, scope, zeroGrad } from "dgsam";
import { ACROSS_PROCESSES, local } from "../measure.mjs";

const BATCH = 4;
const SIZE = 64;

// 28 x 28 is measured with the steps.
const NAMES = MODEL_NAMES.filter((name) => name !== "mnist_cnn");

/** A network in training with a minibatch. @param {string} name */
function prepare(name) {
  manualSeed(0);
  const size = name.startsWith("wide_resnet") && name !== "wide_resnet50_2" ? 32 : SIZE;
  const model = makeModel(name, { numClasses: 10, ...(name === "vit_b_16" ? { imageSize: size } : {}) }).to({ memoryFormat: "channels_last" });
  const x = randn([BATCH, 3, size, size]).contiguous({ memoryFormat: "channels_last" });
  return { size, model, parameters: model.parameters(), x, y: randint(10, [BATCH]) };
}

/** @param {import("../run.mjs").Context} context */
export async function* modelRows({ pytorch, compare }) {
  if (pytorch === null) return;
  for (const name of NAMES) {
    const { size, model, parameters, x, y } = prepare(name);
    const loss = (/** @type {import("dgsam").Tensor} */ images, /** @type {import("dgsam").Tensor} */ labels) => crossEntropy(model.forward(images), labels);
    const captured = capture(loss);
    const passes = (/** @type {typeof loss} */ fn) => () =>
      scope(() => {
        zeroGrad(parameters);
        fn(x, y).backward();
      });
    const theirs = pytorch.side("image passes", { options: { name, size, batch: BATCH } });
    for (const [kind, fn] of /** @type {const} */ ([["eager", loss], ["captured", captured]]))
      yield { name: `${name} at ${size}, forward and backward, ${kind}, over PyTorch's`, value: await compare(local(passes(fn)), theirs, ACROSS_PROCESSES), goal: 1 };
    captured.dispose();
    model.dispose();
  }
}
