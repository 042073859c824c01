/** Sum, mean, standard error and median of a few numbers. */

export function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** As DomainBed's tables have it: the standard deviation, which divides by the number of values, over that number's root. */
export function standardError(values: readonly number[]): number {
  const average = mean(values);
  return Math.sqrt(mean(values.map((each) => (each - average) ** 2)) / values.length);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
