/** What `dgsam parity` found, as an object for programs and as a table. */

import type { ParityResult, ParityRow } from "../training/parity/rows.js";
import { PARITY_DTYPES, PARITY_STEPS } from "../training/parity/runs.js";
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

export function parityReport({ rows, pytorch }: ParityResult): ParityReport {
  return {
    steps: PARITY_STEPS,
    measure: "max|a-b| / max|b| per tensor, worst over all steps",
    ...("missing" in pytorch ? { torch: null, missing: pytorch.missing } : { torch: pytorch.torch }),
    rows,
    pass: rows.every((row) => row.pass),
  };
}

export function parityText({ rows, torch, missing, pass }: ParityReport): string {
  return [
    `Native optimizers on a small network, ${PARITY_STEPS} steps; worst max|a-b| / max|b| of any parameter after any step`,
    "",
    table(rows),
    "",
    torch === null ? `PyTorch: not compared, ${missing}` : `PyTorch ${torch}`,
    pass ? `all ${rows.length} within tolerance` : `${rows.filter((row) => !row.pass).length} of ${rows.length} above tolerance`,
    "",
  ].join("\n");
}

/** A line for each algorithm, base optimizer and device, grouped by base; a column for each dtype and oracle. Tolerances stand where they change. */
function table(rows: readonly ParityRow[]): string {
  const oracles = [...new Set(rows.map(({ oracle }) => oracle))];
  const columns = PARITY_DTYPES.flatMap((dtype) => oracles.map((oracle) => ({ dtype, oracle })));
  const lines = new Map<string, ParityRow[]>();
  for (const row of rows) {
    const key = [row.base, row.algorithm, row.device].join("\n");
    lines.set(key, [...(lines.get(key) ?? []), row]);
  }
  const blank = ["", "", "", ...columns.map(() => "")];
  const cells = [["base", "algorithm", "device", ...columns.map(({ dtype, oracle }) => `${dtype} ${oracle}`)]];
  let group = "";
  let allowed = "";
  for (const line of lines.values()) {
    const { base, algorithm, device } = line[0]!;
    const own = columns.map(({ dtype, oracle }) => line.find((row) => row.dtype === dtype && row.oracle === oracle));
    const tolerances = own.map((row) => row?.tolerance.toExponential(0) ?? "");
    if (base !== group) cells.push(blank);
    if (tolerances.join() !== allowed) cells.push(["", "tolerance", "", ...tolerances]);
    group = base;
    allowed = tolerances.join();
    cells.push([base, algorithm, device, ...own.map(cell)]);
  }
  return align(cells, 3);
}

function cell(row: ParityRow | undefined): string {
  return row === undefined ? "" : `${row.pass ? "" : "FAIL "}${row.error.toExponential(1)}`;
}
