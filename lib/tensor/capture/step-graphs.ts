/**
 * Training steps as graphs: what a list of commands does is captured once, with all memory that it uses, and then done again by one launch
 * (native/step_graph.h). Batches are copied into the graph's own memory, in the order in which the step takes them, and what schedules
 * change lies on the device; all else a graph was captured with.
 */

import type { Device } from "../dtype.js";
import type { Commands } from "./commands.js";
import { Graph } from "./graph.js";
import { firstDifference, isAlive, type StepKey } from "./step-key.js";

/** How steps were taken where graphs are on. */
export interface GraphStats {
  /** Steps that were captured; they were taken by the graph, too. */
  readonly captured: number;
  /** How many of these were captured since something was not as in the graphs before. */
  readonly recaptured: number;
  /** Steps that a graph took. */
  readonly replayed: number;
  /** Steps without a graph: the first of their kind, and those that have none. */
  readonly ungraphed: number;
  /** Graphs there are. */
  readonly graphs: number;
  /** Graphs that were dropped because others were needed more. */
  readonly evicted: number;
  /** What was not as in the graphs before, each thing once. */
  readonly recaptures: readonly string[];
  /** Captures that failed by what need not be so another time, such as memory that ran out. The third failure of a kind of step is a refusal. */
  readonly failed: number;
  /** Why, each reason once. */
  readonly failures: readonly string[];
  /** Why steps have no graph, each reason once. */
  readonly refused: readonly string[];
}

/** Steps of one kind: of the same key. */
interface Kind {
  readonly key: StepKey;
  /** What it has that the kind before it had not; null for the first. */
  cause: string | null;
  state: "seen" | "refused" | Graph;
  /** How often its capture failed, and how many of its steps are still to be taken before the next attempt. */
  failures: number;
  rest: number;
  lastUse: number;
  /** How many steps its graph took. */
  replays: number;
}

/** How many graphs an optimizer has, each with memory for a whole step, and how many kinds of steps it knows. */
const MOST_GRAPHS = 8;
const MOST_KINDS = 16;
/** How many steps of a kind are taken without a graph after its captures that failed; after the last of these and one more it has none. */
const RESTS = [10, 100];
/**
 * Where steps are of ever more kinds, or memory moves time and again, captures would take the time that graphs save. So when some graphs
 * were dropped that had fewer replays than pay for a capture, there is another one only some steps after the last, and for ever more of
 * them; and where it needs the place of one, only if that was not used for as many.
 */
const PAYS = 10;
const MOST_WASTED = 8;
const IDLE = 64;
const GROWTH = 1.25;
/** So many kinds of steps forgotten before they came again are told of. */
const MANY_KINDS = 32;
const TOO_MANY_KINDS = `steps are of more kinds than there are graphs (${MOST_GRAPHS}): domains whose batches differ in shape, or whose functions differ, make one of each order, and so does all that changes from step to step`;
const OTHER_MEMORY = "a tensor has other memory, or requires a gradient where it did not";
const MOVES = `what steps use changes too often for graphs, which take more time than ${PAYS} steps save: ${OTHER_MEMORY}`;
/** Texts of what goes on for ever are not all kept. */
const MOST_TEXTS = 32;

/** The graphs of one optimizer. */
export class StepGraphs {
  private readonly kinds: Kind[] = [];
  private uses = 0;
  private wasted = 0;
  private lastCapture = -Infinity;
  private forgotten = 0;
  private readonly counts = { captured: 0, recaptured: 0, replayed: 0, ungraphed: 0, evicted: 0, failed: 0 };
  private readonly recaptures = new Set<string>();
  private readonly failures = new Set<string>();
  private readonly refused = new Set<string>();

  stats(): GraphStats {
    return { ...this.counts, graphs: this.graphs().length, recaptures: [...this.recaptures], failures: [...this.failures], refused: [...this.refused] };
  }

  /** Notes a step without a graph, and why it can have none; null where the next one may. */
  noteUngraphed(reason: string | null): void {
    this.counts.ungraphed++;
    if (reason !== null) addText(this.refused, reason);
  }

  /** Frees the graphs. */
  dispose(): void {
    for (const kind of this.kinds.splice(0)) this.free(kind);
    this.wasted = 0;
  }

  /**
   * Does all that the commands say, by a graph where there is one. The first step of a kind is taken without, the second one is captured.
   *
   * @returns as {@link Commands.run}
   */
  run(commands: Commands): boolean {
    const key = commands.key();
    const kind = this.kinds.find((each) => firstDifference(each.key, key) === -1);
    if (kind === undefined) return this.meet(commands, key);
    kind.lastUse = ++this.uses;
    if (kind.state === "refused" || kind.rest > 0) return this.runResting(kind, commands);
    if (kind.state === "seen") return this.capture(kind, commands);
    const { done, reason } = commands.replay(kind.state);
    if (done) {
      this.counts.replayed++;
      kind.replays++;
      return true;
    }
    if (!this.runUngraphed(commands)) return false;
    if (reason !== null) {
      addText(this.refused, reason);
      return true;
    }
    // They fit, but not what the graph knows.
    this.free(kind);
    kind.state = "seen";
    kind.cause = OTHER_MEMORY;
    return true;
  }

  private runResting(kind: Kind, commands: Commands): boolean {
    const done = this.runUngraphed(commands);
    if (done && kind.rest > 0) kind.rest--;
    return done;
  }

  private runUngraphed(commands: Commands): boolean {
    const done = commands.run();
    if (done) this.counts.ungraphed++;
    return done;
  }

  private meet(commands: Commands, key: StepKey): boolean {
    if (!this.runUngraphed(commands)) return false;
    const last = this.kinds.reduce<Kind | null>((one, other) => (one === null || other.lastUse > one.lastUse ? other : one), null);
    const cause = last === null ? null : commands.describe(firstDifference(last.key, key));
    this.dropDead();
    if (this.kinds.length === MOST_KINDS) {
      this.evict(this.kinds.filter(({ state }) => !(state instanceof Graph)));
      if (++this.forgotten >= MANY_KINDS) addText(this.refused, TOO_MANY_KINDS);
    }
    this.kinds.push({ key, cause, state: "seen", failures: 0, rest: 0, lastUse: ++this.uses, replays: 0 });
    return true;
  }

  private capture(kind: Kind, commands: Commands): boolean {
    this.dropDead();
    const graphs = this.graphs();
    if (this.mustWait(graphs)) {
      addText(this.refused, kind.cause === OTHER_MEMORY ? MOVES : TOO_MANY_KINDS);
      return this.runUngraphed(commands);
    }
    if (graphs.length === MOST_GRAPHS) this.evict(graphs);
    const { graph, done, mayComeYet, reason } = commands.capture((this.graphs()[0]?.state as Graph | undefined) ?? null);
    if (graph !== null) {
      kind.state = graph;
      kind.failures = 0;
      kind.replays = 0;
      this.lastCapture = this.uses;
      this.counts.captured++;
      if (kind.cause !== null) {
        this.counts.recaptured++;
        addText(this.recaptures, kind.cause);
      }
      return true;
    }
    if (mayComeYet) this.noteFailure(kind, reason ?? "");
    else if (reason !== null) this.refuse(kind, reason);
    if (!done) return this.runUngraphed(commands);
    this.counts.ungraphed++;
    return true;
  }

  private mustWait(graphs: readonly Kind[]): boolean {
    const steps = this.wasted < MOST_WASTED ? 0 : IDLE * GROWTH ** (this.wasted - MOST_WASTED);
    if (this.uses - this.lastCapture < steps) return true;
    return graphs.length === MOST_GRAPHS && graphs.every(({ lastUse }) => this.uses - lastUse < steps);
  }

  private noteFailure(kind: Kind, reason: string): void {
    this.counts.failed++;
    addText(this.failures, reason);
    const rest = RESTS[kind.failures++];
    if (rest === undefined) this.refuse(kind, reason);
    else kind.rest = rest;
  }

  private refuse(kind: Kind, reason: string): void {
    kind.state = "refused";
    addText(this.refused, reason);
  }

  private graphs(): Kind[] {
    return this.kinds.filter(({ state }) => state instanceof Graph);
  }

  private evict(kinds: readonly Kind[]): void {
    const oldest = (kinds.length > 0 ? kinds : this.kinds).reduce((one, other) => (other.lastUse < one.lastUse ? other : one));
    if (oldest.state instanceof Graph) this.counts.evicted++;
    this.drop(oldest);
  }

  /** Kinds that no step can be of any more: their memory is better used. */
  private dropDead(): void {
    for (const kind of this.kinds.filter(({ key }) => !isAlive(key))) this.drop(kind);
  }

  private drop(kind: Kind): void {
    this.free(kind);
    this.kinds.splice(this.kinds.indexOf(kind), 1);
  }

  private free({ state, replays }: Kind): void {
    if (!(state instanceof Graph)) return;
    state.dispose();
    if (replays < PAYS) this.wasted++;
  }
}

function addText(texts: Set<string>, text: string): void {
  if (texts.size < MOST_TEXTS) texts.add(text);
}

let emulates = false;

/** Whether steps over parameters on this device may be graphs. */
export function hasGraphs(device: Device): boolean {
  return device.startsWith("cuda") || (emulates && device === "cpu");
}

/**
 * For tests: steps on the CPU are tapes of calls, which keep what a CUDA graph keeps (native/capture/call_tape.h), while this is on. They are
 * slower than steps without.
 */
export function emulateGraphs(on: boolean): void {
  emulates = on;
}
