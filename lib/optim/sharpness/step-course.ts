/**
 * The courses that a step may take: call by call, or, where all losses are captured functions', as one native call; and either so that each pass is
 * looked at, or without waiting for the device (a ledger notes what it finds).
 */

import { Commands, hasGraphs, NoProgram, NotPlannable, type StepGraphs } from "../../tensor/internal.js";
import type { Climb } from "./climb.js";
import type { ClippedDescent } from "./clipped-descent.js";
import { LateCall } from "./late-call.js";
import { LateMemory } from "./late-memory.js";
import type { Ledger } from "./ledger.js";
import type { Passes } from "./passes.js";
import type { BufferCopies, Statistics } from "./statistics.js";

/** What a course asks of the optimizer. */
export interface Algorithm {
  readonly name: string;
  /** Whether its course depends on no number that only the step itself finds. */
  readonly isPlannable: boolean;
  /** Whether no subclass does more than descend. */
  descendsPlainly(): boolean;
  run(passes: Passes): void;
  /** Lets the base optimizer descend along what was gathered, and notes it. */
  descend(): void;
  /** Notes that it has descended. */
  noteDescent(): void;
  /** {@link run} was in vain. */
  undone(): void;
}

const NOT_CAPTURED = "a closure is no captured function's";
const UNREACHED = "a parameter that requires a gradient gets none from a captured function";
/** After so many steps in a row that a captured function had no program for, that is told. */
const MANY_UNRECORDED = 16;
const UNRECORDED = "a captured function has no program for what it is called with: numbers among its arguments, or shapes, change from step to step";

export class StepCourse {
  /** Whether the step failed within commands before its descent, of which half would stay. */
  isRepeatable = false;
  /** Why the last step was left to no commands, where that is not for this step alone. */
  private unplanned: string | null = null;
  /** How many steps in a row had no program. */
  private unrecorded = 0;
  private readonly memory = new LateMemory();

  /** @param graphs null for none */
  constructor(
    private readonly algorithm: Algorithm, private readonly climb: Climb, private readonly statistics: Statistics, private readonly descent: ClippedDescent,
    private readonly graphs: StepGraphs | null,
  ) {}

  /**
   * Takes a step. Whatever it throws, the step is to be undone.
   *
   * @param ledger null where each pass is looked at
   * @param copied takes the buffers as they were, when they were copied
   */
  take(passes: Passes, ledger: Ledger | null, copied: (copies: BufferCopies) => void): void {
    this.isRepeatable = false;
    if (ledger !== null && this.lateByCommands(passes, ledger, copied)) return;
    const before = this.statistics.copyBuffers();
    copied(before);
    if (ledger !== null) return this.late(passes, ledger, before);
    if (this.byCommands(passes)) return;
    this.algorithm.run(passes);
    this.algorithm.descend();
  }

  dispose(): void {
    this.memory.dispose();
  }

  /** On the device, a step that stopped gives buffers their old values back and does not descend. Waits if clipping or the base optimizer needs a number. */
  private late(passes: Passes, ledger: Ledger, { buffers, values }: BufferCopies): void {
    this.algorithm.run(passes);
    ledger.revert(buffers, values);
    this.descendLate(ledger);
  }

  private descendLate(ledger: Ledger): void {
    if (this.climb.settled && this.algorithm.descendsPlainly() && this.descent.stepUnlessStopped(ledger)) return this.algorithm.noteDescent();
    const stop = ledger.read();
    if (stop !== null) throw stop.cause;
    this.algorithm.descend();
  }

  /**
   * One native call: the algorithm runs once to say what is to be done, and then that is done.
   *
   * @returns false where that cannot be, or nothing of it fits; nothing is done then
   */
  private byCommands(passes: Passes): boolean {
    if (!passes.areCaptured) return false;
    const commands = new Commands(this.climb.parameters);
    const descends = this.plan(passes, commands, () => this.algorithm.descendsPlainly() && this.descent.plan(commands));
    if (descends === null || !this.runCommands(() => commands.run())) return false;
    if (descends) this.algorithm.noteDescent();
    else this.algorithm.descend();
    return true;
  }

  /** {@link byCommands} and {@link late} at once. */
  private lateByCommands(passes: Passes, ledger: Ledger, copied: (copies: BufferCopies) => void): boolean {
    const { algorithm, descent } = this;
    const graphs = hasGraphs(ledger.device) ? this.graphs : null;
    if (!passes.areCaptured) {
      graphs?.noteUngraphed(NOT_CAPTURED);
      return false;
    }
    const commands = new Commands(this.climb.parameters);
    const call = new LateCall(ledger, this.memory, commands, this.statistics);
    const planDescent = (): boolean => {
      call.end();
      return algorithm.descendsPlainly() && descent.plan(commands, call);
    };
    const descends = this.plan(passes, commands, planDescent, () => call.begin(copied));
    const run = descends === true && graphs !== null ? () => graphs.run(commands) : () => commands.run();
    if (descends === null || !this.runCommands(run)) {
      ledger.dropPlan();
      graphs?.noteUngraphed(this.unplanned ?? (commands.isUnreached ? UNREACHED : null));
      return false;
    }
    if (!descends) graphs?.noteUngraphed(algorithm.descendsPlainly() ? descent.reasonToWait : `${algorithm.name} has a descendBase() of its own`);
    if (descends) algorithm.noteDescent();
    else this.descendLate(ledger);
    return true;
  }

  /** Returns false where nothing was done, since a program does not fit. */
  private runCommands(run: () => boolean): boolean {
    try {
      const done = run();
      if (!done) this.algorithm.undone();
      return done;
    } catch (error) {
      this.isRepeatable = !this.climb.settled;
      throw error;
    }
  }

  /**
   * Leaves a step over captured functions to commands.
   *
   * @param planDescent adds the descent, and says whether it could
   * @returns whether they descend; null where the step cannot be left to them
   */
  private plan(passes: Passes, commands: Commands, planDescent: () => boolean, begin: () => void = () => {}): boolean | null {
    const { algorithm, climb } = this;
    this.unplanned = null;
    if (!algorithm.isPlannable) return null;
    try {
      passes.beginPlan(commands);
      climb.beginPlan(commands);
      begin();
      algorithm.run(passes);
      // What is wrong with it, descend() says.
      if (!climb.settled) throw new NotPlannable();
      this.unrecorded = 0;
      return planDescent();
    } catch (error) {
      if (!(error instanceof NotPlannable)) throw error;
      if (error.message !== "") this.unplanned = error.message;
      if (error instanceof NoProgram && this.unrecorded + 1 >= MANY_UNRECORDED) this.unplanned = UNRECORDED;
      this.unrecorded = error instanceof NoProgram ? this.unrecorded + 1 : 0;
      algorithm.undone();
      return null;
    } finally {
      climb.endPlan();
      passes.endPlan();
    }
  }
}
