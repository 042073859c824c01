/** Runs pip with the user's own settings, in a folder for what it needs on the way. Throws a plain Error when there is none or it fails. */
export function pip(env: NodeJS.ProcessEnv, staging: string, args: string[]): Promise<void>;

/** Why a command failed. */
export function failure(result: import("./run.mjs").CommandResult, folder: string): Error;
