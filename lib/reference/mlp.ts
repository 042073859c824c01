/**
 * A multilayer perceptron with its gradients written out by hand: the smallest network on which the update rules can be
 * compared, independent of any autograd.
 *
 *     h_0 = x;  z_k = W_k h_{k-1} + b_k;  h_k = f(z_k), but the last layer's z are the logits
 *     loss = mean over examples of  log(sum exp z) - z[label]
 */
import { TwinError } from "./errors.js";

export type Activation = "tanh" | "relu";

/** A minibatch: `x` row-major [N, features], `y` N class indices. */
export interface Batch {
  readonly x: Float64Array;
  readonly y: readonly number[];
}

export class Mlp {
  /** Width of every layer: features, hidden widths, classes. */
  readonly sizes: readonly number[];
  readonly activation: Activation;
  /** W_1, b_1, W_2, b_2, ...; W row-major [out, in], as PyTorch's Linear. */
  readonly params: readonly Float64Array[];

  /** @throws TwinError ERR_SHAPE when the parameters do not fit the sizes. */
  constructor(sizes: readonly number[], activation: Activation, params: readonly Float64Array[]) {
    const lengths = parameterShapes(sizes).map((shape) => shape.reduce((a, b) => a * b));
    if (params.length !== lengths.length || params.some((param, index) => param.length !== lengths[index])) {
      const got = params.map((param) => param.length).join(", ");
      throw new TwinError("ERR_SHAPE", `Mlp: params: expected lengths ${lengths.join(", ")}, got ${got}`);
    }
    this.sizes = sizes;
    this.activation = activation;
    this.params = params;
  }

  /** The outputs of every layer, the inputs first and the logits last; each row-major [N, width]. */
  forward(x: Float64Array): Float64Array[] {
    const count = x.length / this.sizes[0]!;
    const outputs = [x];
    for (let layer = 1; layer < this.sizes.length; layer++) {
      const input = outputs[layer - 1]!;
      const output = new Float64Array(count * this.sizes[layer]!);
      this.#linear(layer, input, output);
      if (layer < this.sizes.length - 1) {
        for (let i = 0; i < output.length; i++) output[i] = this.activation === "tanh" ? Math.tanh(output[i]!) : Math.max(output[i]!, 0);
      }
      outputs.push(output);
    }
    return outputs;
  }

  /** The mean cross entropy over the batch and its gradients with respect to `params`. */
  lossAndGrads({ x, y }: Batch): { loss: number; grads: Float64Array[] } {
    const outputs = this.forward(x);
    const { loss, delta } = crossEntropy(outputs.at(-1)!, y);
    const grads = this.params.map((param) => new Float64Array(param.length));
    let upstream = delta;
    for (let layer = this.sizes.length - 1; layer > 0; layer--) {
      const input = outputs[layer - 1]!;
      const back = this.#linearBackward(layer, input, upstream, grads[2 * layer - 2]!, grads[2 * layer - 1]!);
      // The derivative of both activations can be read from their outputs; the inputs x have none.
      if (layer > 1) {
        for (let i = 0; i < back.length; i++) back[i]! *= this.activation === "tanh" ? 1 - input[i]! * input[i]! : Number(input[i]! > 0);
      }
      upstream = back;
    }
    return { loss, grads };
  }

  #linear(layer: number, input: Float64Array, output: Float64Array): void {
    const [inner, outer] = [this.sizes[layer - 1]!, this.sizes[layer]!];
    const [weight, bias] = [this.params[2 * layer - 2]!, this.params[2 * layer - 1]!];
    for (let row = 0, index = 0; index < output.length; row++) {
      for (let o = 0; o < outer; o++, index++) {
        let sum = bias[o]!;
        for (let i = 0; i < inner; i++) sum += weight[o * inner + i]! * input[row * inner + i]!;
        output[index] = sum;
      }
    }
  }

  /** Adds to the gradients of a layer's weight and bias, and returns the gradient of its input. */
  #linearBackward(layer: number, input: Float64Array, upstream: Float64Array, weightGrad: Float64Array, biasGrad: Float64Array): Float64Array {
    const [inner, outer] = [this.sizes[layer - 1]!, this.sizes[layer]!];
    const weight = this.params[2 * layer - 2]!;
    const back = new Float64Array(input.length);
    for (let row = 0, index = 0; index < upstream.length; row++) {
      for (let o = 0; o < outer; o++, index++) {
        const delta = upstream[index]!;
        biasGrad[o]! += delta;
        for (let i = 0; i < inner; i++) {
          weightGrad[o * inner + i]! += delta * input[row * inner + i]!;
          back[row * inner + i]! += delta * weight[o * inner + i]!;
        }
      }
    }
    return back;
  }
}

/** The shapes of the parameters of an `Mlp`: [out, in] and [out] for each layer. */
export function parameterShapes(sizes: readonly number[]): number[][] {
  return sizes.slice(1).flatMap((outer, layer) => [[outer, sizes[layer]!], [outer]]);
}

/** Mean cross entropy of logits [N, classes] and its gradient with respect to them. */
function crossEntropy(logits: Float64Array, y: readonly number[]): { loss: number; delta: Float64Array } {
  const count = y.length;
  const classes = logits.length / count;
  const delta = new Float64Array(logits.length);
  let loss = 0;
  for (const [row, label] of y.entries()) {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    const largest = Math.max(...scores);
    const logSum = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0));
    loss += (logSum - scores[label]!) / count;
    for (let c = 0; c < classes; c++) {
      delta[row * classes + c] = (Math.exp(scores[c]! - logSum) - Number(c === label)) / count;
    }
  }
  return { loss, delta };
}
