/** Runs `work` while no other process of this machine holds the lock of this name; `onWait` is called when it has to wait, which `signal` ends with its reason. */
export function withLock<T>(name: string, work: () => Promise<T>, options?: { onWait?: () => void; signal?: AbortSignal | undefined; abstract?: boolean }): Promise<T>;
