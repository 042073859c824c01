/** A function of tensors that is recorded when it is called a second time, and afterwards runs without JavaScript. */

import { DgsamWarning } from "../../warnings.js";
import { native } from "../../native.js";
import { isRecording, whileRecording } from "../recording.js";
import { isPromiseLike } from "../scope.js";
import type { Tensor } from "../tensor.js";
import { NoProgram, NotPlannable, type Commands, type PlannedPass } from "./commands.js";
import { compareWithFunction } from "./compare.js";
import { guardsHold, watch, type Guard, type Watch } from "./guards.js";
import { beginRecording, endRecording, signatureOf, Source, Status, type Program } from "./program.js";
import { replaceTensors, takeTensors, make, makerOf, tensorsOfResult, type Make } from "./values.js";

/** How often a captured function ran, and how. */
export interface CaptureStats {
  /** Calls in which the function itself ran. */
  eager: number;
  /** Calls that were recorded. */
  recorded: number;
  /** Calls that ran a program. */
  replayed: number;
  /** Replays that were compared with the function. */
  checked: number;
  /** Programs that were dropped because others were needed more. */
  evicted: number;
  /** Programs there are. */
  programs: number;
  /** Why calls were not recorded: one text of each kind of inputs. */
  refused: readonly string[];
}

/** What is known of one kind of call. */
interface Entry {
  readonly text: string;
  readonly signature: string;
  state: Seen | Recorded | Refused;
  lastUse: number;
}
interface Seen {
  readonly kind: "seen";
}
interface Refused {
  readonly kind: "refused";
  readonly reason: string;
}
interface Recorded {
  readonly kind: "recorded";
  readonly program: Program;
  readonly guards: readonly Guard[];
  /** Whether the result is what the program gives, one tensor with nothing around it. */
  readonly isOne: boolean;
  /** The function's result, of what the program gives and the arguments. */
  readonly result: Make;
}

/** What a pass of a training step gives: the loss, and the gradients' stamp and norm as `differentiateLoss` does. */
export interface CapturedPass {
  readonly value: number;
  readonly stamp: number;
  readonly norm: number;
}

const SEEN: Seen = { kind: "seen" };

const runsAsItIs = (reason: string): string => `a captured function runs as it is: ${reason}`;

export class CapturedFunction {
  private readonly entries: Entry[] = [];
  private uses = 0;
  private replays = 0;
  private warned = false;
  /** Why calls were not even told apart. */
  private unnamed: string | null = null;
  private readonly counts = { eager: 0, recorded: 0, replayed: 0, checked: 0, evicted: 0 };

  /**
   * @param check every how many replays one is compared with the function; 0 for none
   * @param most how many programs are kept
   */
  constructor(private readonly fn: (...args: never[]) => unknown, private readonly check: number, private readonly most: number) {}

  stats(): CaptureStats {
    const states = this.entries.map(({ state }) => state);
    return {
      ...this.counts,
      programs: states.filter(({ kind }) => kind === "recorded").length,
      refused: [...(this.unnamed === null ? [] : [this.unnamed]), ...states.flatMap((state) => (state.kind === "refused" ? [state.reason] : []))],
    };
  }

  call(args: readonly unknown[]): unknown {
    if (isRecording()) return this.run(args);
    const { tensors, text } = takeTensors(args);
    if (text === null) {
      this.unnamed ??= this.refuse("an argument is something other than tensors, numbers, strings, arrays and plain objects").reason;
      return this.run(args);
    }
    for (const entry of this.entries) {
      if (entry.state.kind !== "recorded" || entry.text !== text || !guardsHold(entry.state.guards)) continue;
      const { program, result } = entry.state;
      if (this.isCheckDue() && program.fits(tensors)) {
        const checked = compareWithFunction(program, tensors, () => this.fn(...(args as never[])), (outputs) => result(outputs, tensors));
        if (checked.status === Status.Done) {
          this.counts.checked++;
          this.noteReplay(entry);
          return checked.result;
        }
      }
      const outputs = program.run(tensors);
      if (typeof outputs !== "number") {
        this.noteReplay(entry);
        return result(outputs, tensors);
      }
      if (outputs === Status.Never) return this.run(args);
      if (outputs === Status.Stale) return this.forget(entry, args, tensors, text);
    }
    return this.callSlowly(args, tensors, text);
  }

  /**
   * A pass of a training step: the loss, and `weight` times its gradients added to the parameters' `grad`.
   *
   * @returns undefined when it has to be done by way of {@link call}
   */
  differentiate(args: readonly unknown[], parameters: readonly Tensor[], weight: number, stamp: number, looks: boolean): CapturedPass | undefined {
    if (isRecording() || this.isCheckDue()) return undefined;
    const { tensors, text } = takeTensors(args);
    for (const entry of this.entries) {
      if (entry.state.kind !== "recorded" || entry.text !== text || !guardsHold(entry.state.guards)) continue;
      if (!entry.state.isOne) return undefined;
      const pass = entry.state.program.differentiate(tensors, parameters, weight, stamp, looks);
      if (typeof pass !== "number") {
        this.noteReplay(entry);
        return pass;
      }
    }
    return undefined;
  }

  /**
   * A pass as {@link differentiate} makes it, to be made later; undefined when it cannot be planned now.
   *
   * @throws NotPlannable when it never can, NoProgram when none is recorded for such a call
   */
  plan(args: readonly unknown[], weight: number, looks: boolean, commands: Commands): PlannedPass | undefined {
    if (isRecording()) return undefined;
    const ahead = commands.ahead(this);
    if (this.check > 0 && (this.replays + ahead + 1) % this.check === 0) return undefined;
    const { tensors, text } = takeTensors(args);
    if (text === null && this.unnamed !== null) throw new NotPlannable(runsAsItIs(this.unnamed));
    const held = this.entries.filter(({ state, text: own }) => state.kind === "recorded" && state.isOne && own === text && guardsHold(state.guards));
    // Whether a lone one fits is found out when the step is taken.
    const entry = held.length > 1 ? held.find(({ state }) => (state as Recorded).program.fits(tensors)) : held[0];
    if (entry === undefined) {
      const refused = this.entries.find(({ state, text: own }) => state.kind === "refused" && own === text);
      if (refused !== undefined) throw new NotPlannable(runsAsItIs((refused.state as Refused).reason));
      throw new NoProgram();
    }
    return { program: (entry.state as Recorded).program, inputs: tensors, weight, looks, note: () => this.noteReplay(entry) };
  }

  /** Frees the programs. Later calls record anew. */
  forgetAll(): void {
    for (const entry of this.entries.splice(0)) drop(entry);
  }

  private isCheckDue(): boolean {
    return this.check > 0 && (this.replays + 1) % this.check === 0;
  }

  private noteReplay(entry: Entry): void {
    entry.lastUse = ++this.uses;
    this.replays++;
    this.counts.replayed++;
  }

  private run(args: readonly unknown[]): unknown {
    this.counts.eager++;
    return this.fn(...(args as never[]));
  }

  private forget(entry: Entry, args: readonly unknown[], tensors: Tensor[], text: string): unknown {
    drop(entry);
    // Its kind of call is known: it is recorded anew at once.
    entry.state = SEEN;
    return this.callSlowly(args, tensors, text);
  }

  private callSlowly(args: readonly unknown[], tensors: Tensor[], text: string): unknown {
    const signature = signatureOf(tensors);
    const entry = this.entries.find((each) => each.text === text && each.signature === signature && (each.state.kind !== "recorded" || guardsHold(each.state.guards)));
    if (entry === undefined) {
      const result = this.run(args);
      this.add({ text, signature, state: SEEN, lastUse: ++this.uses });
      return result;
    }
    entry.lastUse = ++this.uses;
    return entry.state.kind === "seen" ? this.record(entry, args, tensors) : this.run(args);
  }

  private add(entry: Entry): void {
    if (this.entries.length === this.most) {
      const oldest = this.entries.reduce((one, other) => (other.lastUse < one.lastUse ? other : one));
      drop(oldest);
      this.entries.splice(this.entries.indexOf(oldest), 1);
      this.counts.evicted++;
    }
    this.entries.push(entry);
  }

  /** Runs the function itself, and records what it does. */
  private record(entry: Entry, args: readonly unknown[], inputs: readonly Tensor[]): unknown {
    const surroundings = watch();
    try {
      return this.recordWatched(entry, args, inputs, surroundings);
    } finally {
      surroundings.end();
    }
  }

  private recordWatched(entry: Entry, args: readonly unknown[], inputs: readonly Tensor[], surroundings: Watch): unknown {
    const aliases = beginRecording(inputs);
    const aliasOf = new Map(inputs.map((input, i) => [input, aliases[i]!]));
    const inputOf = new Map(aliases.map((alias, i) => [alias, inputs[i]!]));
    return whileRecording(() => {
      try {
        const result = this.fn(...(replaceTensors(args, (input) => aliasOf.get(input)) as never[]));
        entry.state = this.finish(result, surroundings, (tensor, input) => inputOf.set(tensor, inputs[input]!));
        this.counts[entry.state.kind === "recorded" ? "recorded" : "eager"]++;
        return replaceTensors(result, (tensor) => inputOf.get(tensor) ?? tensor);
      } finally {
        native.abandonRecording();
      }
    });
  }

  /** @param isInput hears which of the results are inputs */
  private finish(result: unknown, surroundings: Watch, isInput: (tensor: Tensor, input: number) => void): Recorded | Refused {
    const returned = isPromiseLike(result) ? null : tensorsOfResult(result);
    if (returned === null) return this.refuse("it returns something other than tensors, numbers, strings, arrays and plain objects");
    const changed = surroundings.changed();
    if (changed !== null) return this.refuse(changed);
    const recorded = endRecording(returned);
    if ("reason" in recorded) return this.refuse(recorded.reason);
    const { program, sources } = recorded;
    sources.forEach((source, i) => source >= 0 && isInput(returned[i]!, source));
    const isOne = result === returned[0] && sources[0] === Source.Function;
    return {
      kind: "recorded",
      program,
      guards: surroundings.guards((tensors) => program.uses(tensors)),
      isOne,
      result: isOne ? make.output(0) : remake(result, returned, sources),
    };
  }

  private refuse(reason: string): Refused {
    if (!this.warned) {
      const name = this.fn.name === "" ? "a captured function" : `the captured function ${this.fn.name}`;
      process.emitWarning(new DgsamWarning("WARN_CAPTURE", `${name} runs as it is and is not recorded: ${reason}`));
    }
    this.warned = true;
    return { kind: "refused", reason };
  }
}

/** Makes a result again: what the function made is in the outputs, in order. */
function remake(result: unknown, tensors: readonly Tensor[], sources: readonly number[]): Make {
  let own = 0;
  const makers = new Map(tensors.map((tensor, i) => [tensor, sources[i] === Source.Function ? make.output(own++) : sources[i] === Source.Outside ? make.same(tensor) : make.input(sources[i]!)]));
  return makerOf(result, (tensor) => makers.get(tensor)!);
}

function drop({ state }: Entry): void {
  if (state.kind === "recorded") state.program.dispose();
}
