/** Prints TypeScript declarations for the operators of a dispatcher namespace, from their live schemas. */

import { Kind, type OperatorSchema, type SchemaArgument, type SchemaReturn, type ValueType } from "../tensor/schema.js";

/** A packet: all overloads of one operator, in the order in which a call tries them. */
export interface Packet {
  readonly name: string;
  readonly overloads: readonly OperatorSchema[];
  /** Whether a number may stand for a tensor already on the first try (see lib/tensor/operators.ts). */
  readonly numbersAsTensors: boolean;
}

// The aliases are declared by HEADER in file.ts.
const PARAMETER_TYPES: Readonly<Record<number, string>> = {
  [Kind.Tensor]: "TensorLike",
  [Kind.Int]: "Int",
  [Kind.Float]: "Float",
  [Kind.Scalar]: "ScalarLike",
  [Kind.Bool]: "boolean",
  [Kind.String]: "string",
  [Kind.ScalarType]: "DType",
  [Kind.Layout]: "Layout",
  [Kind.MemoryFormat]: "MemoryFormat",
  [Kind.QScheme]: "QScheme",
  [Kind.Device]: "Device",
  [Kind.Generator]: "Generator",
  [Kind.Complex]: "Exclude<ScalarLike, boolean>",
};

const RESULT_TYPES: Readonly<Record<number, string>> = {
  ...PARAMETER_TYPES,
  [Kind.Tensor]: "Tensor",
  [Kind.Int]: "Int",
  [Kind.Float]: "number",
  [Kind.Scalar]: "ScalarResult",
  [Kind.Complex]: "ComplexValue",
};

function listType(type: ValueType): string {
  const element = type.element!;
  switch (element.kind) {
    case Kind.Tensor:
      return element.optional ? "readonly (TensorLike | null)[]" : "Tensors";
    case Kind.Int:
      return type.size > 0 ? "Int | Ints" : "Ints";
    case Kind.Float:
      return type.size > 0 ? "Float | Floats" : "Floats";
    default: {
      const inner = parameterType(element);
      return inner === "never" ? inner : `readonly ${inner.includes("|") ? `(${inner})` : inner}[]`;
    }
  }
}

function parameterType(type: ValueType): string {
  // What JavaScript cannot make (a Storage, a Stream) has no values.
  const base = type.kind === Kind.List ? listType(type) : (PARAMETER_TYPES[type.kind] ?? "never");
  return type.optional ? `${base} | null` : base;
}

function resultType(type: ValueType): string {
  const base = type.kind === Kind.List ? `${parenthesised(resultType(type.element!))}[]` : (RESULT_TYPES[type.kind] ?? "unknown");
  return type.optional ? `${base} | null` : base;
}

function parenthesised(text: string): string {
  return text.includes("|") ? `(${text})` : text;
}

/** The type of an argument that the operator writes to: no number can take a result. */
function argumentType(argument: SchemaArgument): string {
  if (!argument.written) return parameterType(argument.type);
  return parameterType(argument.type).replace("TensorLike", "Tensor");
}

// Words that are legal argument names in a schema but not in TypeScript.
const RESERVED = new Set(["default", "enum", "export", "for", "function", "import", "in", "new", "this", "var", "with"]);

function parameterName(name: string): string {
  return RESERVED.has(name) ? `${name}_` : name;
}

function results(returns: readonly SchemaReturn[]): string {
  if (returns.length === 0) return "void";
  if (returns.length === 1) return resultType(returns[0]!.type);
  return `[${returns.map((each) => resultType(each.type)).join(", ")}]`;
}

/** The argument that an in-place overload hands back, when that is its only result and has a position. */
function returnedSelf(overload: OperatorSchema): SchemaArgument | undefined {
  if (overload.returns.length !== 1) return undefined;
  const argument = overload.arguments[overload.returns[0]!.aliasedArgument];
  return argument === undefined || argument.keywordOnly || argument.type.kind !== Kind.Tensor ? undefined : argument;
}

function keywordObject(keywords: readonly SchemaArgument[]): string {
  const members = keywords.map((each) =>
    each.hasDefault ? `${each.name}?: ${argumentType(each)} | undefined` : `${each.name}: ${argumentType(each)}`);
  return `{ ${members.join("; ")} }`;
}

// `max(x, { dim: 0 })` names an argument that has no default. Signatures for all of these would double the file, so only
// those are printed that people write: of public forward operators, with the last two such arguments by name.
function firstName(overload: OperatorSchema, required: number): number {
  const rare = /^_|backward/.test(shortName(overload)) || overload.arguments.some((each) => each.keywordOnly && each.written);
  return rare ? required : Math.max(Math.min(1, required), required - 2);
}

/**
 * The call signatures of one overload, as `(parameters): result`.
 *
 * The first takes everything by position that has one. Since arguments may be given by name as well, one more follows for
 * each place where the names can begin.
 */
export function signatures(overload: OperatorSchema): string[] {
  const positional = overload.arguments.filter((each) => !each.keywordOnly);
  const keywordOnly = overload.arguments.filter((each) => each.keywordOnly);
  const required = positional.findLastIndex((each) => !each.hasDefault) + 1;
  const self = returnedSelf(overload);
  const generic = self === undefined ? "" : "<T extends Tensor>";
  const result = self === undefined ? results(overload.returns) : "T";
  const keywordsAreDue = keywordOnly.some((each) => !each.hasDefault);

  const parameter = (each: SchemaArgument, index: number): string => {
    const type = each === self ? "T" : argumentType(each);
    if (!each.hasDefault) return `${parameterName(each.name)}: ${type}`;
    return index < required || keywordsAreDue ? `${parameterName(each.name)}: ${type} | undefined` : `${parameterName(each.name)}?: ${type}`;
  };

  const all = positional.map(parameter);
  if (keywordOnly.length > 0) all.push(`keywords${keywordsAreDue ? "" : "?"}: ${keywordObject(keywordOnly)}`);
  const forms = [all];
  for (let count = firstName(overload, required); count < positional.length; count++)
    forms.push([
      ...positional.slice(0, count).map((each, index) => parameter(each, index).replace("?: ", ": ")),
      `keywords: ${keywordObject([...positional.slice(count), ...keywordOnly])}`,
    ]);
  return forms.map((form) => `${generic}(${form.join(", ")}): ${result}`);
}

function shortName(overload: OperatorSchema): string {
  return overload.name.slice(overload.name.indexOf("::") + 2);
}

function tensorParameters(overload: OperatorSchema): number {
  return overload.arguments.filter((each) => each.type.kind === Kind.Tensor && !each.keywordOnly && !each.written).length;
}

/**
 * The overloads as TypeScript should try them. A call tries every overload with numbers as numbers before it lets one
 * stand for a tensor; TypeScript knows one pass only. Where it matters, because the results differ, overloads with fewer
 * tensors go first: `max(x, 1)` is `max.dim`, not `max.other`.
 */
export function typingOrder(packet: Packet): readonly OperatorSchema[] {
  const kinds = new Set(packet.overloads.map((each) => results(each.returns)));
  if (packet.numbersAsTensors || kinds.size === 1) return packet.overloads;
  return [...packet.overloads].sort((a, b) => tensorParameters(a) - tensorParameters(b));
}

/**
 * Two interfaces for one namespace: a member per overload, `"add.Tensor"`, and on top of them a member per packet, `add`,
 * which has the call signatures of its overloads in order.
 */
export function declareNamespace(name: string, description: string, packets: readonly Packet[]): string {
  const overloads = packets.flatMap((packet) =>
    packet.overloads.flatMap((each) => signatures(each).map((signature) => `  "${shortName(each)}"${signature};`)));
  const members = packets.map((packet) =>
    `  readonly ${packet.name}: ${typingOrder(packet).map((each) => `${name}Overloads["${shortName(each)}"]`).join(" & ")};`);
  return [
    `/** ${description}: each overload by its name; the unnamed one is \`"NAME.default"\`. */`,
    `export interface ${name}Overloads {`,
    ...overloads,
    "}",
    "",
    `/** ${description}: by name, with the signatures of all overloads, and each overload by its own. */`,
    `export interface ${name}Operators extends ${name}Overloads {`,
    ...members,
    "}",
    "",
  ].join("\n");
}
