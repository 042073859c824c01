/** Tests of optimizers in both modes: with closures that are functions of JavaScript's, and with captured ones that are replayed. */
import { capture, noGrad, scope, zeros, type Closure, type Tensor } from "dgsam";
import { expect, onTestFinished } from "vitest";

export const MODES = ["eager", "captured"] as const;
export type Mode = (typeof MODES)[number];

/** Every member of a list in both modes. */
export function inBothModes<T extends object>(list: readonly T[]): (T & { mode: Mode })[] {
  return list.flatMap((each) => MODES.map((mode) => ({ ...each, mode })));
}

/**
 * Closures of one function in a mode. Captured ones were replayed when they are handed out, and the test fails when the
 * function itself runs later, unless `anew` allows that: what a trap meets is a replay.
 *
 * Since the function was called then, a test whose function writes to tensors has to reset these.
 */
export function closuresIn<A extends Tensor[]>(mode: Mode, fn: (...args: A) => Tensor, { anew = false } = {}): (...args: A) => Closure {
  if (mode === "eager") return (...args) => () => fn(...args);
  let calls = 0;
  let warm = 0;
  const captured = capture((...args: A) => (calls++, fn(...args)));
  onTestFinished(() => {
    expect(captured.stats.refused).toEqual([]);
    if (!anew) expect(calls, "calls of the function itself").toBe(warm);
    captured.dispose();
  });
  return (...args) => {
    const { replayed } = captured.stats;
    for (let call = 0; call < 3 && captured.stats.replayed === replayed; call++) scope(() => void captured(...args));
    expect(captured.stats.replayed).toBe(replayed + 1);
    warm = calls;
    return captured.on(...args);
  };
}

/** Notes where closures were called by operators on tensors alone, so that replays do it as well. */
export class Visits {
  private readonly rows: Tensor;
  private readonly count = zeros([1], { dtype: "int64" });

  /** @param size of the points; at most `most` are noted */
  constructor(private readonly size: number, most = 32) {
    this.rows = zeros([most, size], { dtype: "float64" });
  }

  note(point: Tensor): void {
    noGrad(() => {
      this.rows.indexCopy_(0, this.count, point.detach().reshape([1, this.size]));
      this.count.add_(1);
    });
  }

  get points(): number[][] {
    return (this.rows.toArray() as number[][]).slice(0, Number(this.count.item()));
  }

  reset(): void {
    noGrad(() => this.count.zero_());
  }
}
