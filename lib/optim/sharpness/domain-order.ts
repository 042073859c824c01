/** The order in which a step visits the domains: a random permutation from a seeded generator of its own, or fixed. */

import { uniformInt } from "pure-rand/distribution/uniformInt";
import { xoroshiro128plus, xoroshiro128plusFromState } from "pure-rand/generator/xoroshiro128plus";
import { argumentError } from "../../errors.js";

/** State of the generator, plain numbers that any format can hold. */
export type DomainOrderState = readonly number[];

export class DomainOrder {
  private generator;

  /** @param seed a safe integer; its lower 32 bits count */
  constructor(private readonly mode: "random" | "fixed", seed: number) {
    if (!Number.isSafeInteger(seed)) throw argumentError("DGSAM: seed", "a safe integer", seed);
    this.generator = xoroshiro128plus(seed | 0);
  }

  /** The next order of `domains` domains. */
  next(domains: number): number[] {
    const order = Array.from({ length: domains }, (_, domain) => domain);
    if (this.mode === "fixed") return order;
    // Fisher-Yates, from the last place down.
    for (let place = domains - 1; place > 0; place--) {
      const drawn = uniformInt(this.generator, 0, place);
      [order[place], order[drawn]] = [order[drawn]!, order[place]!];
    }
    return order;
  }

  state(): DomainOrderState {
    return this.generator.getState();
  }

  /** Goes on exactly where {@link state} was called. */
  restore(state: DomainOrderState): void {
    this.generator = xoroshiro128plusFromState(state);
  }
}

/** Throws `ERR_ARGUMENT` unless it is a generator's state. Of zeros alone it would draw nothing else. */
export function checkOrderState(name: string, state: unknown): asserts state is DomainOrderState {
  if (Array.isArray(state) && state.length === 4 && state.every(Number.isSafeInteger) && state.some((word) => word !== 0)) return;
  throw argumentError(name, "four integers from stateDict(), not all 0", state);
}
