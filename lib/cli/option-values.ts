/** From the text of an option to its value, or to an error that says what was expected. */

import { InvalidArgumentError } from "commander";

/** Texts separated by commas. */
export function list(text: string): string[] {
  return text.split(",").map((each) => each.trim());
}

/** Names out of those there are, separated by commas. */
export function namesOutOf<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const names = list(text) as Name[];
    if (!names.every((name) => known.includes(name))) throw new InvalidArgumentError(`Expected names out of ${known.join(", ")}.`);
    return names;
  };
}

export function folder(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("Expected the name of a folder.");
  return text;
}

export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!Number.isSafeInteger(value) || value < least) throw new InvalidArgumentError(`Expected an integer of at least ${least}.`);
    return value;
  };
}

export function above(bound: number): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!(value > bound && value < Infinity)) throw new InvalidArgumentError(`Expected a number above ${bound}.`);
    return value;
  };
}

export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = number(text);
    if (!(value >= least && value < Infinity)) throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
    return value;
  };
}

/** How many seeds, or which, separated by commas. */
export function seeds(text: string): number[] | number {
  if (!text.includes(",")) return integer(1)(text);
  return list(text).map(integer(0));
}

// Number("") is 0.
function number(text: string): number {
  return text.trim() === "" ? NaN : Number(text);
}
