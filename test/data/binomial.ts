import { expect } from "vitest";

/** Expects `count` hits in `total` trials to be within 4.5 standard deviations of what a chance of `rate` gives. */
export function expectRate(count: number, total: number, rate: number): void {
  expect(Math.abs(count - total * rate)).toBeLessThan(4.5 * Math.sqrt(total * rate * (1 - rate)));
}
