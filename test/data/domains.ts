/** Tiny hand-made domains. */
import { type DomainDataset, InMemoryDomain } from "dgsam";

/** `length` items of shape [2]: item i holds [i, -i] and has the label i % 3. */
export function counting(name: string, length: number): InMemoryDomain {
  const x = Float32Array.from({ length: 2 * length }, (_, k) => (k % 2 === 0 ? k / 2 : 0 - (k - 1) / 2));
  return new InMemoryDomain({ name, x, labels: Array.from({ length }, (_, i) => i % 3), shape: [2] });
}

/** A data set of such domains, by name and length. */
export function countingDataset(lengths: Readonly<Record<string, number>>): DomainDataset {
  const domains = Object.entries(lengths).map(([name, length]) => counting(name, length));
  return { name: "Counting", classes: ["a", "b", "c"], inputShape: [2], domains };
}
