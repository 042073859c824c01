/** From the text of an option to its value, or to an error that says what was expected. */

import { InvalidArgumentError } from "commander";

/** Texts separated by commas. */
export function list(text: string): string[] {
  return text.split(",").map((each) => each.trim());
}

/** For options that may be repeated: all their texts. */
export function repeated(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

/** Names from an option that may be repeated: separated by commas where it comes once, and as they are where it comes several times. */
export function namesOf(texts: readonly string[]): string[] {
  return texts.length === 1 ? list(texts[0]!) : [...texts];
}

/** What an option means that names some of `known`, which may have commas in their names: a text that is such a name is that one. */
export function chosenOf(texts: readonly string[], known: readonly string[]): string[] {
  return texts.flatMap((text) => (known.includes(text) ? [text] : list(text)));
}

/** The names of columns, as in "label=class,domain=site". */
export function columns(text: string): Record<string, string> {
  const pairs = list(text).map((pair) => /^(image|label|domain|split)=(.+)$/.exec(pair));
  if (!pairs.every((pair) => pair !== null)) throw new InvalidArgumentError("Expected image=NAME,label=NAME,domain=NAME,split=NAME, or some of these.");
  return Object.fromEntries(pairs.map((pair) => [pair[1]!, pair[2]!]));
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

/** The same for an option that may be repeated. */
export function folders(text: string, before: readonly string[] = []): string[] {
  return [...before, folder(text)];
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
