/** Whether gradients are still those that somebody left: those of another pass may look the same in every other way. */

let changes = 0;

/** Before anything that gives, changes or clears gradients. */
export function noteGradientChange(): void {
  changes++;
}

/** How often that was, in this thread, whosever gradients they were. */
export function gradientChanges(): number {
  return changes;
}
