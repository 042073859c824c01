/** Runs `work` while no other process of this machine holds the lock of this name; `onWait` is called when it has to wait. */
export function withLock<T>(name: string, work: () => Promise<T>, options?: { onWait?: () => void; abstract?: boolean }): Promise<T>;
