/**
 * The fixed small problem on which implementations are compared: an MLP 8-16-16-4 with tanh on three domains of sixteen
 * examples. Everything is drawn from one linear congruential generator,
 *
 *     x <- (1664525 x + 1013904223) mod 2^32,  x_0 = seed;   draw = floor(x / 2^16) / 2^16 - 1/2
 *
 * so that any language has the same numbers bit for bit; each is exact in float32 too. In this order:
 *
 * 1. seed 1: the parameters W_1, b_1, W_2, b_2, W_3, b_3 row by row, each a draw;
 * 2. seed 21 + d for domain d, example by example: eight draws u; the label is 2 [u_0 > 0] + [u_1 > 0], the features are
 *    4 u + d/2, so the domains differ by a shift;
 * 3. seed 99: the order in which step t visits the domains, by Fisher-Yates from the last index down with
 *    j = floor((draw + 1/2) (i + 1)).
 *
 * Constants: Press et al., Numerical Recipes, 2nd edition, section 7.1 (suggested there by Knuth).
 */
import { Mlp, parameterShapes, type Batch } from "./mlp.js";
import type { Closure } from "./sharpness/perturbation.js";

export const PROBLEM_SIZES: readonly number[] = [8, 16, 16, 4];
export const PROBLEM_DOMAINS = 3;
export const PROBLEM_EXAMPLES = 16;

/** The generator of the problem: each call gives the next draw in [-1/2, 1/2), a multiple of 2^-16. */
export function congruentialDraws(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 16) / 65536 - 0.5;
  };
}

/** The starting parameters: fresh arrays at every call. */
export function problemParams(): Float64Array[] {
  const draw = congruentialDraws(1);
  return parameterShapes(PROBLEM_SIZES).map((shape) => Float64Array.from({ length: shape.reduce((a, b) => a * b) }, draw));
}

/** The minibatch of each domain, the same at every step. */
export function problemBatches(): Batch[] {
  return Array.from({ length: PROBLEM_DOMAINS }, (_, domain) => {
    const draw = congruentialDraws(21 + domain);
    const examples = Array.from({ length: PROBLEM_EXAMPLES }, () => Array.from({ length: PROBLEM_SIZES[0]! }, draw));
    return {
      x: Float64Array.from(examples.flat(), (value) => 4 * value + domain / 2),
      y: examples.map((example) => 2 * Number(example[0]! > 0) + Number(example[1]! > 0)),
    };
  });
}

/** The order of the domains at each step. */
export function problemOrders(steps: number): number[][] {
  const draw = congruentialDraws(99);
  return Array.from({ length: steps }, () => {
    const order = Array.from({ length: PROBLEM_DOMAINS }, (_, index) => index);
    for (let i = order.length - 1; i > 0; i--) {
      const j = Math.floor((draw() + 0.5) * (i + 1));
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  });
}

/** The problem at its start: the network and, over its parameters, each domain's closure and that of the mean loss. */
export function makeProblem(): { net: Mlp; closures: Closure[]; meanClosure: Closure } {
  const net = new Mlp(PROBLEM_SIZES, "tanh", problemParams());
  const closures = problemBatches().map((batch) => () => net.lossAndGrads(batch));
  const meanClosure = () => {
    const evaluations = closures.map((closure) => closure());
    const share = 1 / evaluations.length;
    return {
      loss: evaluations.reduce((sum, { loss }) => sum + loss, 0) * share,
      grads: net.params.map((param, index) => param.map((_, i) => evaluations.reduce((sum, { grads }) => sum + grads[index]![i]!, 0) * share)),
    };
  };
  return { net, closures, meanClosure };
}
