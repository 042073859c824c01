/** The addon's side of captured functions (native/capture): recording one, running its program. */

import { native, type Handle } from "../../native.js";
import { callFrame } from "../frame-memory.js";
import { handleRegistry } from "../garbage.js";
import { noteGradientChange } from "../gradient-changes.js";
import { Tag } from "../tags.js";
import { Tensor, tensorLists } from "../tensor.js";

/** How a run went. The numbers are a contract with native/capture/room.cc. */
export const Status = {
  /** It was made for other inputs or modes. */
  Other: 0,
  Done: 1,
  /** Something it uses is not what it was. */
  Stale: 2,
  /** No program holds for these inputs: they share memory. */
  Never: 3,
} as const;
export type Status = (typeof Status)[keyof typeof Status];

/** Where a result comes from that is no input; inputs have their numbers. A contract with native/capture/room.cc. */
export const Source = { Function: -1, Outside: -2 } as const;

/** A recording that became a program, with the sources of its results, or why it did not. */
export type Recording = { readonly program: Program; readonly sources: readonly number[] } | { readonly reason: string };

const registry = handleRegistry((handle) => native.releaseProgram(handle));

export class Program {
  private disposed = false;

  /** @param number by which the addon knows it */
  constructor(readonly number: Handle) {
    registry.register(this, number, this);
  }

  get isDisposed(): boolean {
    return this.disposed;
  }

  /** Frees it now. */
  dispose(): void {
    this.disposed = true;
    registry.unregister(this);
    native.releaseProgram(this.number);
  }

  /** Runs it; the outputs when the status is {@link Status.Done}. */
  run(inputs: readonly Tensor[]): Status | Tensor[] {
    this.write(inputs);
    const frame = native.replay() ?? callFrame();
    if (frame[0] !== Status.Done) return frame[0] as Status;
    const outputs = new Array<Tensor>(frame[2]!);
    for (let i = 0; i < outputs.length; i++) outputs[i] = new Tensor(frame[4 + 2 * i]!);
    return outputs;
  }

  /**
   * Runs it and its differentiation, as `differentiateLoss` does with a loss.
   *
   * @returns the loss, the stamp and the norm when the status is {@link Status.Done}
   */
  differentiate(inputs: readonly Tensor[], parameters: readonly Tensor[], weight: number, stamp: number, looks: boolean): Status | { value: number; stamp: number; norm: number } {
    const at = tensorLists.write(parameters, "parameters", this.write(inputs));
    const frame = callFrame();
    frame[at] = weight;
    frame[at + 1] = stamp;
    frame[at + 2] = looks ? 1 : 0;
    noteGradientChange();
    native.replayDifferentiated();
    const results = callFrame();
    return results[0] === Status.Done ? { value: results[1]!, stamp: results[2]!, norm: results[3]! } : (results[0] as Status);
  }

  /** Whether it was made for such inputs. */
  fits(inputs: readonly Tensor[]): boolean {
    this.write(inputs);
    return (native.programFits() ?? callFrame())[0] === Status.Done;
  }

  /** Which of some tensors of the program's surroundings it refers to. */
  uses(tensors: readonly Tensor[]): boolean[] {
    this.write(tensors);
    const frame = native.programUses() ?? callFrame();
    return tensors.map((_, i) => frame[i] === 1);
  }

  /** The tensors outside of the function that it writes to, and those that its gradients flow to. */
  surroundings(): { written: Tensor[]; leaves: Tensor[] } {
    callFrame()[0] = this.number;
    const frame = native.programSurroundings() ?? callFrame();
    const written = tensorLists.read(frame) as Tensor[];
    return { written, leaves: tensorLists.read(frame.subarray(2 + 2 * written.length)) as Tensor[] };
  }

  private write(tensors: readonly Tensor[]): number {
    const at = tensorLists.write(tensors, "inputs", 1);
    callFrame()[0] = this.number;
    return at;
  }
}

/** What of the inputs and of this thread's modes decides which calls a function makes. */
export function signatureOf(inputs: readonly Tensor[]): string {
  tensorLists.write(inputs, "inputs", 0);
  return readText(native.inputSignature() ?? callFrame(), 0);
}

/** Begins to record. The function is to be called with what this returns. */
export function beginRecording(inputs: readonly Tensor[]): Tensor[] {
  tensorLists.write(inputs, "inputs", 0);
  return tensorLists.read(native.beginRecording() ?? callFrame()) as Tensor[];
}

/** Ends the recording of a function that returned these tensors. */
export function endRecording(outputs: readonly Tensor[]): Recording {
  tensorLists.write(outputs, "outputs", 0);
  const frame = native.endRecording() ?? callFrame();
  const handle = frame[0]!;
  if (handle === 0) return { reason: readText(frame, 1) };
  return { program: new Program(handle), sources: outputs.map((_, i) => frame[1 + i]!) };
}

/** How many numbers of the frame a text, or none, takes. */
export function textLength(frame: Float64Array, at: number): number {
  return frame[at] === Tag.String ? 2 + frame[at + 1]! : 1;
}

export function readText(frame: Float64Array, at: number): string {
  if (frame[at] !== Tag.String) return "";
  let text = "";
  for (let i = 0; i < frame[at + 1]!; i++) text += String.fromCharCode(frame[at + 2 + i]!);
  return text;
}
