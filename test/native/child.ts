/** Runs a fixture in a process of its own: what must not crash, leak or hang cannot be asserted from inside. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ChildResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface ChildOptions {
  args?: readonly string[];
  nodeArgs?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** Milliseconds after which the child is killed; the result then has signal SIGKILL. */
  timeout?: number;
}

/** Runs `fixtures/NAME.mjs`, which imports the compiled package, as worker threads must. */
export function runFixture(name: string, options: ChildOptions = {}): Promise<ChildResult> {
  const { args = [], nodeArgs = [], env = {}, timeout = 60_000 } = options;
  const path = fileURLToPath(new URL(`./fixtures/${name}.mjs`, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [...nodeArgs, path, ...args], {
      env: { ...process.env, NODE_OPTIONS: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout,
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** What a fixture that ran through and found nothing wrong leaves behind. */
export const PASSED: ChildResult = { code: 0, signal: null, stdout: "passed\n", stderr: "" };
