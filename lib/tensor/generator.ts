/** Random number generators: LibTorch's, so that draws equal PyTorch's for the same seed. */

import { argumentError } from "../errors.js";
import { native, type Handle } from "../native.js";
import type { Device } from "./dtype.js";
import { handleRegistry } from "./garbage.js";
import { Tensor } from "./tensor.js";

const registry = handleRegistry((handle) => native.releaseGenerator(handle));

function seedBits(what: string, seed: number | bigint): bigint {
  if (typeof seed === "bigint" ? seed >= -(2n ** 63n) && seed < 2n ** 64n : Number.isSafeInteger(seed)) return BigInt.asIntN(64, BigInt(seed));
  throw argumentError(what, "a safe integer or a bigint from -2^63 to 2^64-1", seed);
}

/** A stream of random numbers on one device. Operators take it as `{ generator }`. */
export class Generator {
  /** @internal */
  handle: Handle;

  /** A new generator; its seed is PyTorch's default (67280421310721) until `manualSeed`. */
  constructor(device: Device = "cpu") {
    if (typeof device !== "string") throw argumentError("new Generator(device)", "a device such as \"cpu\"", device);
    this.handle = native.createGenerator(device);
    registry.register(this, this.handle);
  }

  /** @internal Takes over a handle the addon made. */
  static fromHandle(handle: Handle): Generator {
    const generator = Object.create(Generator.prototype) as Generator;
    generator.handle = handle;
    registry.register(generator, handle);
    return generator;
  }

  /** Starts the stream that belongs to this seed. Returns the generator. */
  manualSeed(seed: number | bigint): this {
    native.seedGenerator(this.handle, seedBits("Generator.manualSeed(seed)", seed));
    return this;
  }

  /** Draws a seed from the system, sets it and returns it. */
  seed(): bigint {
    return native.reseedGenerator(this.handle);
  }

  /** The seed the stream began with. */
  initialSeed(): bigint {
    return native.initialSeed(this.handle);
  }

  /** The whole state as a uint8 tensor, for {@link setState}: the same bytes as PyTorch's `get_state()`. */
  getState(): Tensor<"uint8"> {
    return new Tensor(native.generatorState(this.handle));
  }

  /** Goes on exactly where {@link getState} was called. */
  setState(state: Tensor): void {
    if (!(state instanceof Tensor)) throw argumentError("Generator.setState(state)", "a Tensor from getState()", state);
    native.setGeneratorState(this.handle, state.handle);
  }

  /** Releases the native object. Calling it again does nothing; any other use is an `ERR_DISPOSED`. */
  dispose(): void {
    native.releaseGenerator(this.handle);
    this.handle = 0;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** Seeds the default generators of every device, as `torch.manual_seed`. They are shared by all threads of the process. */
export function manualSeed(seed: number | bigint): void {
  native.manualSeed(seedBits("manualSeed(seed)", seed));
}

/** The default generator of a device, which factory functions draw from when none is given. */
export function defaultGenerator(device: Device = "cpu"): Generator {
  return Generator.fromHandle(native.defaultGenerator(device));
}
