/** Records of runs, as a comparison yields them. */
import { ALGORITHMS, type RunRecord } from "dgsam";

export const record = (algorithm: RunRecord["algorithm"], target: string, accuracy: number, seconds: number): RunRecord => ({
  algorithm, target, accuracy, seed: 0, steps: 10, correct: accuracy * 100, total: 100, medianStepSeconds: seconds, waitingShare: 0, finalLoss: 1, idealCost: ALGORITHMS[algorithm].gradients(2) / 2, mode: "captured",
});

export const RECORDS = [record("ERM", "a", 0.5, 0.01), record("DGSAM", "a", 0.75, 0.016), record("ERM", "b", 0.9, 0.012), record("DGSAM", "b", 0.85, 0.018)];
