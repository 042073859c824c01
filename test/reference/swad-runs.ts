/** Random walks with drawn validation losses, on which SWAD's implementations are compared. */
import type { SWADOptions } from "dgsam/reference";
import { oracle } from "./oracle.js";
import { numbers } from "./support.js";

export const WIDTH = 4;

export interface Run extends Required<SWADOptions> {
  /** After each step. */
  weights: number[][];
  /** After which step, from 1, and the loss. */
  evaluations: [step: number, loss: number][];
}

export interface Answer {
  converged: boolean;
  dead: boolean;
  weights: number[];
  averaged: [start: number, end: number][];
}

const OPTIONS: [nConverge: number, nTolerance: number, toleranceRatio: number][] = [
  [3, 6, 0.3], [3, 3, 0.3], [4, 2, 0.3], [5, 1, 0.1], [1, 1, 0.2], [1, 4, 0], [2, 5, 0.05], [3, 4, 1],
];

/** Losses that fall, stay in a valley with noise, and rise again at the end of some runs. */
export const RUNS: Run[] = OPTIONS.flatMap(([nConverge, nTolerance, toleranceRatio], set) =>
  Array.from({ length: 12 }, (_, i) => {
    const draw = numbers(1000 + 100 * set + i);
    const position = Array.from({ length: WIDTH }, draw);
    const weights: number[][] = [];
    const evaluations: [number, number][] = [];
    for (let k = 0; k < 24; k++) {
      for (let steps = 1 + Math.floor(4 * (draw() + 0.5)); steps > 0; steps--) {
        position.forEach((_value, j) => (position[j]! += draw()));
        weights.push([...position]);
      }
      const rise = i % 3 === 0 ? 0 : 0.15 * Math.max(0, k - 10 - i / 2);
      evaluations.push([weights.length, 0.5 + 1.5 * Math.exp(-k / 3) + rise + 0.3 * (draw() + 0.5)]);
    }
    return { nConverge, nTolerance, toleranceRatio, weights, evaluations };
  }),
);

export const titleOf = ({ nConverge, nTolerance, toleranceRatio }: Run, index: number): string =>
  `nConverge ${nConverge}, nTolerance ${nTolerance}, toleranceRatio ${toleranceRatio}, run ${index}`;

/** What the transcription of the published code says after every evaluation of every run. */
export const answers = (): Answer[][] => oracle("oracles/loss_valley.py", RUNS);
