/** Which entries of the addon are called, and a problem over captured functions to call them with. */
import { capture, crossEntropy, MLP, randint, randn, scope, type Closure, type Tensor } from "dgsam";
import { afterEach, expect } from "vitest";
import { native } from "../../../lib/native.js";

type Entries = Record<string, (...args: unknown[]) => unknown>;
const entries = native as unknown as Entries;
const original: Entries = { ...entries };
afterEach(() => void Object.assign(entries, original));

/** Settings of this thread's modes. */
const SETTINGS = ["gradMode", "setGradMode", "setFrame"];
/** Questions, and the freeing of results. */
export const ASIDES = ["deviceOf", "gradientStamp", "releaseAll", "release"];

/** Which entries of the addon a function calls, but for settings of this thread's modes and those in `asides`. */
export function callsOf(run: () => void, asides: readonly string[] = []): string[] {
  const calls: string[] = [];
  for (const [name, entry] of Object.entries(original))
    if (typeof entry === "function" && !SETTINGS.includes(name) && !asides.includes(name)) entries[name] = (...args) => (calls.push(name), entry(...args));
  try {
    run();
  } finally {
    Object.assign(entries, original);
  }
  return calls;
}

export const SIZES = [6, 8, 3];

export interface Problem {
  readonly model: MLP;
  readonly closures: Closure[];
}

/** Domains of one captured function that was recorded, their minibatches of `count` examples. */
export function captured(sizes: readonly number[] = SIZES, count = 4, domains = 3): Problem {
  const model = new MLP([...sizes]);
  const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
  const batches = Array.from({ length: domains }, () => ({ x: randn([count, sizes[0]!]), y: randint(sizes.at(-1)!, [count]) }));
  for (let call = 0; call < 3; call++) scope(() => loss(batches[0]!.x, batches[0]!.y));
  expect(loss.stats.replayed).toBe(1);
  return { model, closures: batches.map(({ x, y }) => loss.on(x, y)) };
}
