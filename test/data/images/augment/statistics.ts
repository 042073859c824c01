/** Whether draws come from one distribution, with about one false alarm in a thousand million. */
import { expect } from "vitest";

/** Kolmogorov and Smirnov's test that two samples have one distribution. */
export function expectSameDistribution(first: readonly number[], second: readonly number[]): void {
  const [a, b] = [first, second].map((each) => [...each].sort((x, y) => x - y)) as [number[], number[]];
  let distance = 0;
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const value = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i]! <= value) i++;
    while (j < b.length && b[j]! <= value) j++;
    distance = Math.max(distance, Math.abs(i / a.length - j / b.length));
  }
  expect(distance).toBeLessThan(Math.sqrt((-Math.log(1e-9 / 2) / 2) * (1 / a.length + 1 / b.length)));
}

/** Pearson's test that counts come from these probabilities. */
export function expectFrequencies(counts: readonly number[], probabilities: readonly number[]): void {
  expect(counts.length).toBe(probabilities.length);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const statistic = counts.reduce((sum, count, i) => sum + (count - total * probabilities[i]!) ** 2 / (total * probabilities[i]!), 0);
  // Wilson and Hilferty's approximation, six standard deviations out.
  const freedom = counts.length - 1;
  const spread = 2 / (9 * freedom);
  expect(statistic).toBeLessThan(freedom * (1 - spread + 6 * Math.sqrt(spread)) ** 3);
}
