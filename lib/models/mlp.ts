/** The multi-layer perceptron. */

import { checkChoice, checkInteger, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { GELU, Linear, Module, ReLU, Sigmoid, Tanh, type Layer, type Placement } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";

const ACTIVATIONS = { relu: ReLU, gelu: GELU, tanh: Tanh, sigmoid: Sigmoid } as const;

export interface MLPOptions extends Placement {
  /** Features of an example. */
  inputSize: number;
  /** Widths of the hidden layers; without any it is a linear classifier. Default `[]`. */
  hiddenSizes?: readonly number[];
  /** How many logits come out. */
  numClasses: number;
  /** What follows each hidden layer. Default `"relu"`. */
  activation?: keyof typeof ACTIVATIONS;
}

// Sizes have no default: the checks refuse what is missing.
const DEFAULTS = { inputSize: undefined, hiddenSizes: [], numClasses: undefined, activation: "relu", dtype: "float32", device: "cpu" } as unknown as Required<MLPOptions>;

/** Fully connected layers with a nonlinearity between them. State-dict keys are `layers.0.weight`, `layers.0.bias`, ... */
export class MLP extends Module {
  layers: Linear[];
  activation: Layer;

  /**
   * @param options sizes by name, or alone with the input's first: `new MLP([64, 32, 10])`
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(options: MLPOptions | readonly number[]) {
    super();
    const { inputSize, hiddenSizes, numClasses, activation, ...placement } = withDefaults("MLP", named(options), DEFAULTS);
    checkInteger("MLP: inputSize", inputSize, 1);
    if (!Array.isArray(hiddenSizes)) throw argumentError("MLP: hiddenSizes", "an array of integers", hiddenSizes);
    hiddenSizes.forEach((size, i) => checkInteger(`MLP: hiddenSizes[${i}]`, size, 1));
    checkInteger("MLP: numClasses", numClasses, 1);
    checkChoice("MLP: activation", activation, Object.keys(ACTIVATIONS));
    const sizes = [inputSize, ...hiddenSizes, numClasses];
    this.layers = sizes.slice(1).map((size, i) => new Linear(sizes[i]!, size, placement));
    this.activation = new ACTIVATIONS[activation]();
  }

  /**
   * x [..., inputSize] -> logits [..., numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    const { layers, activation } = this;
    x = layers[0]!.forward(x);
    for (let i = 1; i < layers.length; i++) x = layers[i]!.forward(activation.forward(x));
    return x;
  }
}

function named(options: MLPOptions | readonly number[]): MLPOptions {
  if (!Array.isArray(options)) return options as MLPOptions;
  if (options.length < 2) throw argumentError("MLP: sizes", "at least two sizes, of input and output", options);
  return { inputSize: options[0] as number, hiddenSizes: options.slice(1, -1), numClasses: options.at(-1) as number };
}
