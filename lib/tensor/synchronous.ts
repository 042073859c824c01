/** What the functions given to `scope()`, `noGrad()` and the like return: anything but a promise, which they throw for. */

type Kind<T> = T extends PromiseLike<unknown> ? "promise" : "value";

/**
 * To be intersected with what `fn` returns: `Refusal`, which says why, where that is surely a promise; else `unknown`, which changes nothing.
 *
 * A plain `T extends PromiseLike<unknown> ? Refusal : unknown` would refuse the generic callers as well, `function timed<T>(fn: () => T): T
 * { return scope(fn); }`: TypeScript lets a `T` it does not know through only where, for all it can tell, the condition never holds. A mapped
 * type whose keys depend on `T` is such a condition until `T` is known. test/types/synchronous.ts holds both sides.
 */
export type NoPromise<T, Refusal extends string> = { [Key in "is" as Kind<T>]: Key } extends { promise: "is"; value?: never } ? Refusal : unknown;
