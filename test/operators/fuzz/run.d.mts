export interface Crash {
  readonly operator: string;
  readonly trial: number;
  /** The signal that ended the process; `"hang"` for a call that took longer than 10 s. */
  readonly signal: string;
  readonly arguments: string;
}

export interface FuzzOptions {
  readonly seed: string;
  /** Calls of each overload. */
  readonly trials: number;
  /** A folder that test/oracles/operators/record.py filled. */
  readonly recording?: string;
  /** Where the child ends itself, to test the fuzzer. */
  readonly dieAt?: readonly [operator: string, trial: number];
  readonly onCrash?: (crash: Crash) => void;
}

export function fuzz(operators: readonly string[], options: FuzzOptions): Promise<Crash[]>;
