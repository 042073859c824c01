/** Runs pip with the user's own settings, in a folder for what it needs on the way. Throws a plain Error when there is none or it fails; what `signal` was aborted with. */
export function pip(env: NodeJS.ProcessEnv, staging: string, args: string[], signal?: AbortSignal): Promise<void>;

/** Why a command failed. */
export function failure(result: import("./run.mjs").CommandResult, folder: string): Error;
