/** What a command says on standard output. Rejects where it fails, with its `signal` and `stderr`, or does not end in time. */
export function outputWithin(command: string, args: readonly string[], env: NodeJS.ProcessEnv, milliseconds: number): Promise<string>;
