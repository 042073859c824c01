/** What a late step of one native call does around the algorithm's own part: on the device, a step that stopped gives buffers their old values back. */

import type { Commands, OperatorFunction } from "../../tensor/internal.js";
import { ops } from "../../tensor/index.js";
import { once } from "../once.js";
import type { LateMemory } from "./late-memory.js";
import type { Ledger } from "./ledger.js";
import type { BufferCopies, BufferMemory, Statistics } from "./statistics.js";

const operators = once(() => ({
  zero: ops.aten["zero_.default"],
  copyAll: ops.aten["_foreach_copy_.default"],
  revert: ops.dgsam["revert_.default"],
}));

export class LateCall {
  private buffers: BufferMemory | null = null;

  /** @param memory of the ledger, while the step is planned and taken */
  constructor(readonly ledger: Ledger, readonly memory: LateMemory, private readonly commands: Commands, private readonly statistics: Statistics) {}

  /** @param copied takes the buffers as they were, when all were copied */
  begin(copied: (copies: BufferCopies) => void): void {
    const { ledger, memory, commands } = this;
    ledger.beginPlan(memory);
    const buffers = this.statistics.bufferMemory();
    this.buffers = buffers;
    commands.call(operators().zero as OperatorFunction, [memory.numbers]);
    const last = buffers.lists.at(-1);
    for (const list of buffers.lists)
      commands.call(operators().copyAll as OperatorFunction, [list.values, list.buffers], 0, () => {
        if (list === last) copied(buffers);
      });
  }

  end(): void {
    const { buffers, values } = this.buffers!;
    if (buffers.length > 0) this.commands.call(operators().revert as OperatorFunction, [buffers, values, this.memory.numbers]);
  }
}
