/** Makes all parity runs and compares them with the oracles. */

import { setImmediate } from "node:timers/promises";
import { trajectoryError, type Trajectory } from "./measure.js";
import { trainNative } from "./native.js";
import { askPytorch, type PytorchAnswer } from "./pytorch.js";
import { trainReference } from "./reference.js";
import { PARITY_RUNS, type ParityDtype, type ParityRun } from "./runs.js";

/** How far the native optimizer parts from one oracle. */
export interface ParityRow {
  readonly algorithm: string;
  readonly base: string;
  readonly dtype: ParityDtype;
  /** Where the native optimizer ran; the oracles run on the CPU. */
  readonly device: string;
  readonly oracle: "reference" | "PyTorch";
  readonly error: number;
  readonly tolerance: number;
  readonly pass: boolean;
}

export interface ParityResult {
  /** By run, in the order of `PARITY_RUNS`; for each first the reference, then PyTorch. */
  readonly rows: readonly ParityRow[];
  readonly pytorch: PytorchAnswer;
}

/**
 * Compares every run with the twins and, where there is one, with PyTorch, which trains meanwhile. Lets timers and signals in
 * after every run.
 *
 * @throws DgsamError as {@link askPytorch}
 */
export async function compareWithOracles(device: string): Promise<ParityResult> {
  const failed = new AbortController();
  const asked = askPytorch().catch((error: unknown) => {
    failed.abort(error);
    throw error;
  });
  const [pytorch, trained] = await Promise.all([asked, trainAll(device, failed.signal)]);
  const rows = trained.flatMap(({ run, native, reference }, index) => [
    row(run, device, "reference", native, reference),
    ...("missing" in pytorch ? [] : [row(run, device, "PyTorch", native, pytorch.trajectories[index]!)]),
  ]);
  return { rows, pytorch };
}

interface Trained {
  readonly run: ParityRun;
  readonly native: Trajectory;
  readonly reference: Trajectory;
}

async function trainAll(device: string, signal: AbortSignal): Promise<Trained[]> {
  const trained: Trained[] = [];
  for (const run of PARITY_RUNS) {
    const last = trained.at(-1);
    // The runs of one variant and base stand together, and the twins have one dtype.
    const reference = last?.run.variant === run.variant && last.run.base === run.base ? last.reference : trainReference(run);
    await setImmediate();
    trained.push({ run, native: trainNative(run, device), reference });
    await setImmediate();
    signal.throwIfAborted();
  }
  return trained;
}

export function row({ variant, base, dtype }: ParityRun, device: string, oracle: ParityRow["oracle"], native: Trajectory, expected: Trajectory): ParityRow {
  const error = trajectoryError(native, expected);
  const tolerance = base.tolerances[dtype]!;
  return { algorithm: variant.name, base: base.name, dtype, device, oracle, error, tolerance, pass: error <= tolerance };
}
