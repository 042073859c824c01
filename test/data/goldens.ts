/** What NumPy, Pillow and DomainBed's definitions give; written by goldens.py. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Domain, InMemoryDomain, SeedPart } from "dgsam";

interface DomainGolden {
  readonly x: string;
  readonly y: string;
}

export interface Goldens {
  readonly seedHash: readonly (readonly [SeedPart[], number])[];
  readonly seedHashOfInfinityAndNan: number;
  readonly seedHashOf2Power70: number;
  readonly randomState: {
    readonly bySeed: Readonly<Record<string, number[]>>;
    readonly byArray: readonly (readonly [number[], number[]])[];
    readonly after2000: number;
    readonly uniform: readonly number[];
    readonly randint: readonly (readonly [number, number, number])[];
    readonly shuffled: readonly string[];
    readonly permutations: Readonly<Record<string, string>>;
  };
  readonly split: Readonly<Record<string, string>>;
  readonly rotations: {
    readonly images: string;
    readonly rotated: readonly (readonly [number, string])[];
    readonly small: readonly number[];
    readonly smallBy30: readonly number[];
  };
  readonly rotatedMnist: Readonly<Record<string, DomainGolden[]>>;
  readonly coloredMnist: Readonly<Record<"14" | "28", DomainGolden[]>>;
  readonly loader: { readonly replacement: number[][]; readonly shuffle: number[][] };
}

export const goldens = JSON.parse(readFileSync(new URL("goldens.json", import.meta.url), "utf8")) as Goldens;

export function sha256(data: ArrayBufferView): string {
  return createHash("sha256").update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).digest("hex");
}

/** The hashes of all stored values and of all labels (one byte each) of an in-memory domain. */
export function hashes(domain: Domain): DomainGolden {
  const all = Uint32Array.from({ length: domain.length }, (_, i) => i);
  return { x: sha256((domain as InMemoryDomain).gather(all).x), y: sha256(Uint8Array.from(domain.labels)) };
}
