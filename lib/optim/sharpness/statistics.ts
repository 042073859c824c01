/** What a step of several passes does to BatchNorm statistics: which passes move them, and how they come back when it fails. */

import { checkChoice } from "../../checks.js";
import { argumentError, DgsamError } from "../../errors.js";
import { keep, noGrad, ops, Tensor } from "../../tensor/index.js";

/** What a step needs of a model to keep BatchNorm statistics right; `Module` has it. */
export interface StatisticsOwner {
  buffers(): Iterable<Tensor>;
  /** `"update"`: running statistics follow each training pass. `"hold"`: they stay. */
  setRunningStats(mode: "update" | "hold"): void;
}

/** Which passes of a step move the statistics: each minibatch's first one, all, or none from now on. */
export type RunningStats = "first" | "all" | "frozen";

/** The buffers of a model as they were, and their values. */
export interface BufferCopies {
  readonly buffers: Tensor[];
  readonly values: Tensor[];
}

export const NO_COPIES: BufferCopies = { buffers: [], values: [] };

/** Memory for copies, and the same by dtype: a list of one dtype is copied by one kernel. */
export interface BufferMemory extends BufferCopies {
  readonly lists: readonly BufferCopies[];
}

const NO_MEMORY: BufferMemory = { ...NO_COPIES, lists: [] };

export class Statistics {
  private readonly mode: RunningStats;
  private kept = NO_MEMORY;
  /** What the model was told last in this step; null where others may have told it since. */
  private announced: "update" | "hold" | null = null;
  /** Whether buffers may have become of another kind. */
  private asks = false;

  /**
   * @param optimizer its name in errors
   * @param mode undefined for the default, `"first"`
   */
  constructor(optimizer: string, private readonly model: StatisticsOwner | undefined, mode: RunningStats | undefined) {
    this.mode = mode ?? "first";
    checkChoice(`${optimizer}: runningStats`, this.mode, ["first", "all", "frozen"]);
    if (model === undefined) {
      if (mode !== undefined) throw new DgsamError("ERR_ARGUMENT", `${optimizer}: runningStats: expected the option "model" beside it; without the model its BatchNorm layers cannot be told`);
    } else if (typeof (model as unknown) !== "object" || model === null || typeof model.buffers !== "function" || typeof model.setRunningStats !== "function") {
      throw argumentError(`${optimizer}: model`, "an object with buffers() and setRunningStats(mode), such as a Module", model);
    }
    if (this.mode === "frozen") model?.setRunningStats("hold");
  }

  /** Before a pass: only the first of a minibatch moves the statistics, unless all do. */
  announcePass(firstOfItsBatch: boolean): void {
    this.set(firstOfItsBatch ? "update" : "hold");
  }

  /** After the last pass of a step. */
  endPasses(): void {
    this.set("update");
    this.announced = null;
  }

  private set(mode: "update" | "hold"): void {
    // Telling a network of some hundred modules takes 0.1 ms.
    if (this.mode !== "first" || mode === this.announced) return;
    this.model?.setRunningStats(mode);
    this.announced = mode;
  }

  /** The model's buffers, and memory of their kinds, the same in each step. */
  bufferMemory(): BufferMemory {
    if (this.model === undefined) return NO_MEMORY;
    const buffers = [...this.model.buffers()];
    const { kept } = this;
    const isSame = buffers.length === kept.buffers.length && buffers.every((buffer, i) => buffer === kept.buffers[i]);
    // What a buffer is changes with its model's program alone, in steps that copy otherwise: asking in each step would cost.
    if (!isSame || (this.asks && !buffers.every((buffer, i) => isLike(buffer, kept.values[i]!)))) {
      this.dispose();
      const values = noGrad(() => buffers.map((buffer) => keep(ops.aten["empty_like.default"](buffer))));
      const lists = [...new Set(buffers.map(({ dtype }) => dtype))].map((dtype) => {
        const isOf = (_: Tensor, i: number): boolean => buffers[i]!.dtype === dtype;
        return { buffers: buffers.filter(isOf), values: values.filter(isOf) };
      });
      this.kept = { buffers, values, lists };
    }
    this.asks = false;
    return this.kept;
  }

  /** Copies the model's buffers, into {@link bufferMemory}. */
  copyBuffers(): BufferCopies {
    // Nobody tells of buffers that were converted since the last step, or will be in this one.
    this.asks = true;
    const memory = this.bufferMemory();
    noGrad(() => memory.lists.forEach(({ buffers, values }) => ops.aten["_foreach_copy_.default"](values, buffers)));
    this.asks = true;
    return memory;
  }

  /** Frees the memory of {@link bufferMemory}. */
  dispose(): void {
    for (const each of this.kept.values) each.dispose();
    this.kept = NO_MEMORY;
  }

  /** Sets the buffers to what they were. */
  restoreBuffers({ buffers, values }: BufferCopies): void {
    noGrad(() => buffers.forEach((buffer, i) => ops.aten["copy_.default"](buffer, values[i]!)));
  }
}

function isLike(tensor: Tensor, other: Tensor): boolean {
  return tensor.dtype === other.dtype && tensor.device === other.device && `${tensor.shape}` === `${other.shape}`;
}
