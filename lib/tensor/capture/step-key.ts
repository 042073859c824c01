/** What a graph of a step holds for. */

import { argumentText, type OperatorFunction } from "../operators.js";
import { Tensor } from "../tensor.js";
import type { Command } from "./commands.js";
import { Program } from "./program.js";

/** Programs, numbers, and tensors by identity, in the order of the commands; of batches which of them it is, in the order in which they come. */
export type StepKey = readonly unknown[];

/** Hears of an item, and what it is: a text, or an argument of an operator. */
type Visit = (item: unknown, what: string | OperatorFunction, argument?: number) => void;

/** The batches of late passes, each once, and which of them each input is, in order. */
export function batchesOf(commands: readonly Command[]): { batches: Tensor[]; places: number[] } {
  const known = new Map<Tensor, number>();
  const places: number[] = [];
  for (const command of commands) {
    if (!("latePasses" in command)) continue;
    for (const { inputs } of command.latePasses) {
      for (const input of inputs) {
        let place = known.get(input);
        if (place === undefined) known.set(input, (place = known.size));
        places.push(place);
      }
    }
  }
  return { batches: [...known.keys()], places };
}

export function keyOf(parameters: readonly Tensor[], commands: readonly Command[]): StepKey {
  const key: unknown[] = [];
  walk(parameters, commands, (item) => void key.push(item));
  return key;
}

/** The place of the first item that two keys do not share, or that was disposed of; -1 for none. */
export function firstDifference(key: StepKey, other: StepKey): number {
  const length = Math.min(key.length, other.length);
  for (let i = 0; i < length; i++) {
    const item = other[i];
    if (!Object.is(key[i], item) || (item instanceof Tensor && item.handle === 0)) return i;
  }
  return key.length === other.length ? -1 : length;
}

/** Whether a step can have a key again: not with a tensor or a program that was disposed of. */
export function isAlive(key: StepKey): boolean {
  return !key.some((item) => (item instanceof Tensor && item.handle === 0) || (item instanceof Program && item.isDisposed));
}

/** An item of a key in words. */
export function describeItem(parameters: readonly Tensor[], commands: readonly Command[], place: number): string {
  let at = 0;
  let text = "the step has fewer parts";
  walk(parameters, commands, (_, what, argument) => {
    if (at++ !== place) return;
    text = typeof what === "string" ? what : argumentText(what, argument!);
  });
  return text;
}

function walk(parameters: readonly Tensor[], commands: readonly Command[], visit: Visit): void {
  for (const parameter of parameters) visit(parameter, "the parameters");
  const { places } = batchesOf(commands);
  let input = 0;
  for (const command of commands) {
    if ("latePasses" in command) {
      visit(command.ledger, "the memory for what steps find");
      visit(command.lambda, "lambda");
      visit(command.latePasses.length, "the number of passes");
      for (const { program, inputs, weight, loss, gradient } of command.latePasses) {
        visit(program, "a captured function's program: it was recorded for other batches or modes, or anew");
        visit(weight, "the weight of a loss");
        visit(loss, "the number of domains");
        visit(gradient, "the number of domains");
        for (let i = 0; i < inputs.length; i++) visit(places[input++], "which batches are the same");
      }
    } else if ("operator" in command) {
      const { operator, args } = command;
      visit(operator, "what the step does");
      args.forEach((arg, i) => {
        if (!Array.isArray(arg)) return visit(arg, operator, i);
        visit(arg.length, operator, i);
        for (const each of arg) visit(each, operator, i);
      });
    } else {
      visit(command, "passes that wait for their losses");
    }
  }
}
