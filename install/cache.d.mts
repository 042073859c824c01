/** `$XDG_CACHE_HOME/dgsam`, else `~/.cache/dgsam`. */
export function cacheFolder(env: NodeJS.ProcessEnv): string;
