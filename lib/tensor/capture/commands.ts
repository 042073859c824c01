/**
 * A training step over captured functions as one native call (native/commands.h): passes over their programs, and calls of
 * operators between them and after. Nothing is done before all of it is known.
 */

import { native } from "../../native.js";
import { callFrame, growFrame } from "../frame-memory.js";
import { writeCall, type OperatorFunction } from "../operators.js";
import { tensorLists, type Tensor } from "../tensor.js";
import type { CapturedFunction } from "./captured-function.js";
import type { Program } from "./program.js";

/** What a step needs that cannot be had from programs alone. */
export class NotPlannable extends Error {}

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

// The numbers are a contract with native/commands.cc.
const PASSES = 0;
const OPERATOR = 1;

interface PassesCommand {
  readonly passes: readonly PlannedPass[];
  readonly lambda: number | null;
  readonly done: (outcome: PassesOutcome) => void;
}

interface OperatorCommand {
  readonly operator: OperatorFunction;
  readonly args: readonly unknown[];
  readonly finite: number;
  readonly done: (results: readonly number[]) => void;
}

export class Commands {
  private readonly list: (PassesCommand | OperatorCommand)[] = [];
  private readonly planned = new Map<CapturedFunction, number>();

  /** @param parameters whose gradients the passes give; every one of them must get one */
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
   * A call of an operator whose results are numbers.
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
      frame = native.runCommands() ?? callFrame();
    } catch (error) {
      this.tell(callFrame());
      throw error;
    }
    if (frame[0] === -1) return false;
    this.tell(frame);
    return true;
  }

  private write(): void {
    // How many commands were done, if it fails before the first.
    let at = tensorLists.write(this.parameters, "parameters", 0);
    growFrame(at + 1)[at++] = this.list.length;
    for (const command of this.list) at = "passes" in command ? writePasses(command, at) : writeOperator(command, at);
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
      } else {
        command.done(numbers);
      }
    }
  }
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
