/** What may be given to functions that run another and are done when it returns; compiled by types.test.ts, never run. */
import { autocast, type EMA, enableGrad, inferenceMode, noGrad, scope, scopeAsync, stream, type Stream, type Tensor } from "dgsam";
import { expectTypeOf } from "vitest";

declare const x: Tensor<"float32">;
declare const side: Stream;
declare const average: EMA;
declare const named: () => Promise<number>;
declare const like: () => PromiseLike<void>;

// What throws for each promise does not compile for one, be it spelled out or not.
// @ts-expect-error use scopeAsync
scope(async () => 1);
// @ts-expect-error use scopeAsync
scope(async () => { await named(); });
// @ts-expect-error use scopeAsync
scope(() => Promise.resolve(x));
// @ts-expect-error use scopeAsync
scope(named);
// @ts-expect-error use scopeAsync
scope(like);
// @ts-expect-error use scopeAsync
scope<Promise<number>>(named);
// @ts-expect-error the result does not help
scope(named) satisfies Promise<number>;
// @ts-expect-error use swapAsync
average.swap(async () => 1);
// @ts-expect-error use swapAsync
average.swap(named);
// @ts-expect-error the mode is over when the function returns
noGrad(async () => 1);
// @ts-expect-error the mode is over when the function returns
noGrad(like);
// @ts-expect-error the mode is over when the function returns
enableGrad(async () => 1);
// @ts-expect-error the mode is over when the function returns
enableGrad(named);
// @ts-expect-error the mode is over when the function returns
inferenceMode(async () => 1);
// @ts-expect-error the mode is over when the function returns
inferenceMode(named);
// @ts-expect-error the mode is over when the function returns
autocast(async () => 1);
// @ts-expect-error the mode is over when the function returns
autocast(named, { dtype: "bfloat16" });
// @ts-expect-error the stream is left when the function returns
stream(side, async () => 1);
// @ts-expect-error the stream is left when the function returns
stream(side, named);
expectTypeOf(scopeAsync(named)).toEqualTypeOf<Promise<number>>();

// All else compiles, and comes back as it is.
expectTypeOf(scope(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(scope(() => ({ loss: x, list: [1] }))).toEqualTypeOf<{ loss: Tensor<"float32">; list: number[] }>();
expectTypeOf(scope(() => {})).toEqualTypeOf<void>();
expectTypeOf(scope(() => undefined)).toEqualTypeOf<undefined>();
expectTypeOf(scope(() => null)).toEqualTypeOf<null>();
expectTypeOf(scope((): never => { throw new Error(); })).toEqualTypeOf<never>();
expectTypeOf(scope((): unknown => 1)).toEqualTypeOf<unknown>();
expectTypeOf(scope(() => JSON.parse("1"))).toEqualTypeOf<any>();
expectTypeOf(scope<number>(() => 1)).toEqualTypeOf<number>();
expectTypeOf(scope(() => (y: number) => y + 1)).toEqualTypeOf<(y: number) => number>();
expectTypeOf(noGrad(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(noGrad(() => scope(() => [x, 1] as const))).toEqualTypeOf<readonly [Tensor<"float32">, 1]>();
expectTypeOf(enableGrad(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(enableGrad(() => {})).toEqualTypeOf<void>();
expectTypeOf(inferenceMode(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(inferenceMode(() => null)).toEqualTypeOf<null>();
expectTypeOf(autocast(() => x, { device: "cuda" })).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(autocast(() => JSON.parse("1"))).toEqualTypeOf<any>();
expectTypeOf(stream(side, () => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(stream(side, () => [1, "a"])).toEqualTypeOf<(number | string)[]>();

// The type that is expected reaches the function.
const pair: [Tensor, number] = scope(() => [x, 1]);
const choice: { kind: "a" | "b" } = noGrad(() => ({ kind: "a" }));
const later: (y: number) => number = autocast(() => (y) => y);

// A value that may be no promise is looked at when it is there.
declare const perhaps: () => number | Promise<number>;
declare const seldom: () => Promise<number> | undefined;
expectTypeOf(scope(perhaps)).toEqualTypeOf<number | Promise<number>>();
expectTypeOf(noGrad(seldom)).toEqualTypeOf<Promise<number> | undefined>();

// Callers that know nothing of the result, or little, hand it on.
function timed<T>(fn: () => T): T {
  return scope(fn);
}
function nested<T>(fn: () => T): { result: T } {
  return noGrad(() => scope(() => ({ result: enableGrad(() => inferenceMode(fn)) })));
}
function cast<T extends Tensor>(fn: () => T): T {
  return autocast(fn);
}
function aside<T extends object | undefined>(value: T): T {
  return stream(side, () => value);
}
function wrapped<A extends unknown[], R>(fn: (...args: A) => R): (...args: A) => R {
  return (...args) => noGrad(() => scope(() => fn(...args)));
}
function called<F extends () => unknown>(fn: F): ReturnType<F> {
  return scope(() => fn() as ReturnType<F>);
}
class Task<T> {
  constructor(readonly run: () => T) {}

  once(): T {
    return scope(() => this.run());
  }

  twice(): T[] {
    return scope(() => [this.run(), this.run()]);
  }
}
const run: <T>(fn: () => T) => T = scope;
const modes: readonly (<T>(fn: () => T) => T)[] = [noGrad, enableGrad, inferenceMode, autocast];
expectTypeOf(average.swap(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(timed(() => x)).toEqualTypeOf<Tensor<"float32">>();
expectTypeOf(wrapped((y: Tensor<"float32">) => y.sum())(x)).toEqualTypeOf<Tensor<"float32">>();
void [pair, choice, later, nested, cast, aside, called, Task, run, modes];
