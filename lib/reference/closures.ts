/** How a step of several evaluations gets losses and gradients. */
import type { Gradients } from "./descent/optimizer.js";

export interface Evaluation {
  readonly loss: number;
  /** Gradients of the loss at the current parameters, in the order of the parameter groups. */
  readonly grads: Gradients;
}

/** Evaluates a loss and its gradients at the parameters as they are when it is called. */
export type Closure = () => Evaluation;
