/** A problem that a small network learns in a few steps. */
import { InMemoryDomain, manualSeed, randn, type DomainDataset, type Tensor } from "dgsam";

/** Three domains of 40 points in four dimensions, two classes apart along the first, each shifted. */
export function points(): DomainDataset {
  manualSeed(3);
  const domains = [0, 1, 2].map((d) => {
    const labels = Uint8Array.from({ length: 40 }, (_, i) => i % 2);
    const noise = (randn([40, 4]) as Tensor).data() as Float32Array;
    const x = noise.map((value, i) => 0.3 * value + (i % 4 === 0 ? (labels[i >> 2]! === 1 ? 2 : -2) : 0) + 0.2 * d);
    return new InMemoryDomain({ name: `site ${d}`, x, labels, shape: [4] });
  });
  return { name: "points", classes: ["left", "right"], inputShape: [4], domains };
}

export const SETTINGS = { steps: 12, batchSize: 8, lr: 0.01, rho: 0.05, seed: 1 };
