/**
 * A training step over captured functions as one native call (native/command_list.h): passes over their programs, and calls of
 * operators between them and after. Nothing is done before all of it is known.
 */

import { native } from "../../native.js";
import { callFrame, growFrame } from "../frame-memory.js";
import { noteGradientChange } from "../gradient-changes.js";
import { writeCall, type OperatorFunction } from "../operators.js";
import { Tag } from "../tags.js";
import { tensorLists, type Tensor } from "../tensor.js";
import type { CapturedFunction } from "./captured-function.js";
import { Graph } from "./graph.js";
import { readText, textLength, type Program } from "./program.js";
import { batchesOf, describeItem, keyOf, type StepKey } from "./step-key.js";

/** What a step needs that cannot be had from programs alone; in words where that is so in every step. */
export class NotPlannable extends Error {}

/** A captured function has no program for what it is called with, yet or any more. */
export class NoProgram extends NotPlannable {}

/** A pass over a captured closure. */
export interface PlannedPass {
  readonly program: Program;
  readonly inputs: readonly Tensor[];
  /** What the loss is multiplied by. */
  readonly weight: number;
  /** Whether to look, after it, whether the sum of the gradients is finite. */
  readonly looks: boolean;
  /** To be called when it was made. */
  readonly note: () => void;
}

/** What passes gave: the losses up to where they ended, and what was not finite, if something was. */
export interface PassesOutcome {
  readonly losses: readonly number[];
  readonly stop: { readonly pass: number; readonly what: "loss" | "gradient"; readonly value: number } | null;
}

/** A pass of a step that waits for nothing: where in a ledger what it gives is noted, 0 for nowhere. */
export interface LatePlannedPass extends PlannedPass {
  /** The mean of the losses since the last place. */
  readonly loss: number;
  /** The first of two places for the norm of the gradients' sum. */
  readonly gradient: number;
}

// The numbers are a contract with native/command_list.cc.
const PASSES = 0;
const OPERATOR = 1;
const LATE_PASSES = 2;

interface PassesCommand {
  readonly passes: readonly PlannedPass[];
  readonly lambda: number | null;
  readonly done: (outcome: PassesOutcome) => void;
}

interface LatePassesCommand {
  readonly latePasses: readonly LatePlannedPass[];
  readonly lambda: number | null;
  readonly ledger: Tensor;
  readonly done: () => void;
}

interface OperatorCommand {
  readonly operator: OperatorFunction;
  readonly args: readonly unknown[];
  readonly finite: number;
  readonly done: (results: readonly number[]) => void;
}

/** How a capture went: whether the step was taken, and why there is no graph, where that is known. */
export interface CaptureOutcome {
  readonly graph: Graph | null;
  readonly done: boolean;
  /** Whether there may be one another time. */
  readonly mayComeYet: boolean;
  readonly reason: string | null;
}

/** How a replay went: whether the step was taken, and if it was not, why this once; null where the graph holds for no step any more. */
export interface ReplayOutcome {
  readonly done: boolean;
  readonly reason: string | null;
}

export type Command = PassesCommand | LatePassesCommand | OperatorCommand;

export class Commands {
  private readonly list: Command[] = [];
  private readonly planned = new Map<CapturedFunction, number>();
  /** Whether {@link run} did nothing since a parameter that requires a gradient gets none from some program. */
  isUnreached = false;

  /** @param parameters whose gradients the passes give; each that requires one must get one */
  constructor(private readonly parameters: readonly Tensor[]) {}

  /** How many passes over a function there are already. */
  ahead(fn: CapturedFunction): number {
    const ahead = this.planned.get(fn) ?? 0;
    this.planned.set(fn, ahead + 1);
    return ahead;
  }

  /**
   * Passes whose gradients are summed, in the place of older ones.
   *
   * @param lambda DISAM's, for the gradient of mean L - lambda * var L
   * @param done takes what they gave
   */
  passes(passes: readonly PlannedPass[], lambda: number | null, done: (outcome: PassesOutcome) => void): void {
    this.list.push({ passes, lambda, done });
  }

  /**
   * The same where nothing is waited for.
   *
   * @param ledger where the device notes what they give
   * @param done called when they were made
   */
  latePasses(latePasses: readonly LatePlannedPass[], lambda: number | null, ledger: Tensor, done: () => void): void {
    this.list.push({ latePasses, lambda, ledger, done });
  }

  /**
   * A call of an operator whose results are numbers, or tensors that it was given.
   *
   * @param finite so many of them, from the first, must be finite, or the step ends there
   * @param done takes them
   */
  call(operator: OperatorFunction, args: readonly unknown[], finite = 0, done: (results: readonly number[]) => void = () => {}): void {
    this.list.push({ operator, args, finite, done });
  }

  /**
   * Does all of it, and then calls each command's `done` in order. One that throws ends that.
   *
   * @returns false when nothing was done, since a program does not fit
   * @throws DgsamError as the operators; those before the one that failed have been told of
   */
  run(): boolean {
    this.write();
    let frame: Float64Array;
    try {
      noteGradientChange();
      frame = native.runCommands() ?? callFrame();
    } catch (error) {
      this.tell(callFrame());
      throw error;
    }
    if (frame[0]! < 0) {
      this.isUnreached = frame[0] === -2;
      return false;
    }
    this.tell(frame);
    return true;
  }

  /** What a graph of all of it holds for. */
  key(): StepKey {
    return keyOf(this.parameters, this.list);
  }

  /** What stands at a place of the key. */
  describe(place: number): string {
    return describeItem(this.parameters, this.list, place);
  }

  /**
   * As {@link run}, and captures it.
   *
   * @param sharing a graph that never runs at the same time: both share memory
   * @throws as {@link run}
   */
  capture(sharing: Graph | null): CaptureOutcome {
    const { batches, places } = batchesOf(this.list);
    callFrame()[0] = sharing?.number ?? 0;
    let at = tensorLists.write(batches, "inputs", 1);
    const frame = growFrame(at + 1 + places.length);
    frame[at++] = places.length;
    for (const place of places) frame[at++] = place;
    this.write(at);
    let results: Float64Array;
    try {
      noteGradientChange();
      results = native.captureGraph() ?? callFrame();
    } catch (error) {
      // After four numbers, none of which is news.
      this.tell(callFrame().slice(4));
      throw error;
    }
    const [number, done, mayComeYet] = results;
    const told = results.slice(3 + textLength(results, 3));
    if (number !== 0) {
      const graph = new Graph(number!, told);
      this.tell(told);
      return { graph, done: true, mayComeYet: false, reason: null };
    }
    const reason = readText(results, 3);
    if (done === 1) this.tell(told);
    return { graph: null, done: done === 1, mayComeYet: mayComeYet === 1, reason: reason === "" ? null : reason };
  }

  /** As {@link run}, by a graph that was captured of commands with the same key. */
  replay(graph: Graph): ReplayOutcome {
    callFrame()[0] = graph.number;
    tensorLists.write(batchesOf(this.list).batches, "inputs", 1);
    noteGradientChange();
    const results = native.replayGraph() ?? callFrame();
    const outcome = { done: results[0] === 1, reason: readText(results, 1) || null };
    if (outcome.done) this.tell(graph.told);
    return outcome;
  }

  private write(start = 0): void {
    // How many commands were done, if it fails before the first.
    let at = tensorLists.write(this.parameters, "parameters", start);
    growFrame(at + 1)[at++] = this.list.length;
    for (const command of this.list) at = writeCommand(command, at);
  }

  // All is read before the first `done`, which may use the frame.
  private tell(frame: Float64Array): void {
    const count = frame[0]!;
    const outcomes = new Array<number[]>(count);
    const stops = new Array<PassesOutcome["stop"]>(count);
    let at = 1;
    for (let i = 0; i < count; i++) {
      const numbers = new Array<number>(frame[at++]!);
      for (let j = 0; j < numbers.length; j++) numbers[j] = frame[at++]!;
      outcomes[i] = numbers;
      stops[i] = null;
      if (!("passes" in this.list[i]!)) continue;
      if (frame[at] !== 0) stops[i] = { pass: frame[at + 1]!, what: frame[at] === 1 ? "loss" : "gradient", value: frame[at + 2]! };
      at += 3;
    }
    for (let i = 0; i < count; i++) {
      const command = this.list[i]!;
      const numbers = outcomes[i]!;
      if ("passes" in command) {
        for (let pass = 0; pass < numbers.length; pass++) command.passes[pass]!.note();
        command.done({ losses: numbers, stop: stops[i]! });
      } else if ("latePasses" in command) {
        for (const { note } of command.latePasses) note();
        command.done();
      } else {
        command.done(numbers);
      }
    }
  }
}

function writeCommand(command: Command, at: number): number {
  if ("passes" in command) return writePasses(command, at);
  return "latePasses" in command ? writeLatePasses(command, at) : writeOperator(command, at);
}

function writeLatePasses({ latePasses, lambda, ledger }: LatePassesCommand, start: number): number {
  let at = start;
  let frame = growFrame(at + 6);
  frame[at++] = LATE_PASSES;
  frame[at++] = Tag.Tensor;
  frame[at++] = ledger.handle;
  frame[at++] = lambda === null ? 0 : 1;
  frame[at++] = lambda ?? 0;
  frame[at++] = latePasses.length;
  for (const { program, inputs, weight, loss, gradient } of latePasses) {
    frame = growFrame(at + 1);
    frame[at++] = program.number;
    at = tensorLists.write(inputs, "inputs", at);
    frame = growFrame(at + 3);
    frame[at++] = weight;
    frame[at++] = loss;
    frame[at++] = gradient;
  }
  return at;
}

function writePasses({ passes, lambda }: PassesCommand, start: number): number {
  let at = start;
  let frame = growFrame(at + 4);
  frame[at++] = PASSES;
  frame[at++] = lambda === null ? 0 : 1;
  frame[at++] = lambda ?? 0;
  frame[at++] = passes.length;
  for (const { program, inputs, weight, looks } of passes) {
    frame = growFrame(at + 1);
    frame[at++] = program.number;
    at = tensorLists.write(inputs, "inputs", at);
    frame = growFrame(at + 2);
    frame[at++] = weight;
    frame[at++] = looks ? 1 : 0;
  }
  return at;
}

function writeOperator({ operator, args, finite }: OperatorCommand, start: number): number {
  const frame = growFrame(start + 64);
  frame[start] = OPERATOR;
  frame[start + 1] = finite;
  return writeCall(operator, args, start + 2);
}
