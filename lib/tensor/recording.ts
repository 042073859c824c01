/** Whether a captured function is being recorded. What it calls is recorded with it, and must not do what cannot be. */

let recording = false;

export function isRecording(): boolean {
  return recording;
}

/** Runs `fn` as what is recorded. */
export function whileRecording<R>(fn: () => R): R {
  recording = true;
  try {
    return fn();
  } finally {
    recording = false;
  }
}
