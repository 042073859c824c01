/** Running averages of the adaptive optimizers, rounded as torch rounds them. */

/** torch's `lerp_`, which switches formula at a weight of one half to be exact at both ends. */
export function lerp(from: number, to: number, weight: number): number {
  return weight < 0.5 ? from + weight * (to - from) : to - (to - from) * (1 - weight);
}

/** The running average of squares after `value`. */
export function averageSquare(before: number, value: number, decay: number): number {
  return before * decay + (1 - decay) * value * value;
}

/** What an optimizer remembers of each parameter, by its place in `params`: made at its first gradient. */
export class Memory<State> {
  readonly #states = new Map<number, State>();

  at(index: number, make: () => State): State {
    if (!this.#states.has(index)) this.#states.set(index, make());
    return this.#states.get(index)!;
  }
}
