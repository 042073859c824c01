/** What `dgsam parity` found, as an object for programs and as a table. */

import { PARITY_STEPS, type ParityRow } from "../training/parity.js";
import type { PytorchAnswer } from "../training/pytorch.js";
import { align } from "./align.js";

export interface ParityReport {
  readonly steps: number;
  /** What `error` is, in words. */
  readonly measure: string;
  /** PyTorch's version, null where there is none to compare with; `missing` then says why. */
  readonly torch: string | null;
  readonly missing?: string;
  readonly rows: readonly ParityRow[];
  /** Whether every row is within its tolerance. */
  readonly pass: boolean;
}

export function parityReport(rows: readonly ParityRow[], pytorch: PytorchAnswer): ParityReport {
  return {
    steps: PARITY_STEPS,
    measure: "max|a-b| / max|b| per tensor, worst over all steps",
    ...("missing" in pytorch ? { torch: null, missing: pytorch.missing } : { torch: pytorch.torch }),
    rows,
    pass: rows.every((row) => row.pass),
  };
}

export function parityText({ rows, torch, missing, pass }: ParityReport): string {
  const header = ["algorithm", "base", "dtype", "oracle", "worst error", "tolerance", ""];
  const cells = rows.map((row) => [
    row.algorithm, row.base, row.dtype, row.oracle, row.error.toExponential(1), row.tolerance.toExponential(0), row.pass ? "pass" : "FAIL",
  ]);
  return [
    `Native optimizers on a small network, ${PARITY_STEPS} steps; worst max|a-b| / max|b| of any parameter after any step`,
    "",
    align([header, ...cells], header.length),
    "",
    torch === null ? `PyTorch: not compared, ${missing}` : `PyTorch ${torch}`,
    pass ? `all ${rows.length} within tolerance` : `${rows.filter((row) => !row.pass).length} of ${rows.length} above tolerance`,
    "",
  ].join("\n");
}
