/** Says why arguments did not fit an operator. Runs only after a misfit, so it can take its time. */

import { describeValue, DgsamError } from "../errors.js";
import { MISFIT, write } from "./frame.js";
import { Kind, type OperatorSchema, type ValueType } from "./schema.js";

const WORDS: Readonly<Record<number, string>> = {
  [Kind.Tensor]: "a Tensor or a number",
  [Kind.Int]: "a safe integer or a bigint within 64 bits",
  [Kind.Float]: "a number",
  [Kind.Scalar]: "a number, bigint within 64 bits, boolean, double() or complex()",
  [Kind.Complex]: "a number or complex()",
  [Kind.Bool]: "a boolean",
  [Kind.String]: "a string",
  [Kind.ScalarType]: "a dtype such as \"float32\"",
  [Kind.Layout]: "a layout such as \"strided\"",
  [Kind.MemoryFormat]: "a memory format such as \"contiguous_format\"",
  [Kind.QScheme]: "a quantisation scheme such as \"per_tensor_affine\"",
  [Kind.Device]: "a device such as \"cpu\" or \"cuda:0\"",
  [Kind.Generator]: "a Generator",
};

function expected(type: ValueType): string {
  let words: string;
  if (type.kind === Kind.List) {
    const element = type.element!;
    const of = element.kind === Kind.Tensor && !element.optional ? "a Tensor" : expected(element);
    words = `an array, each element ${of}${type.size > 0 ? ", or one for all" : ""}`;
  } else if (type.kind === Kind.Unsupported) {
    words = `a ${type.text}, which cannot be made in JavaScript`;
  } else {
    words = WORDS[type.kind]!;
  }
  return type.optional ? `${words}, or null` : words;
}

/** Where in a list the trouble is, if it is inside. */
function describeMisfit(type: ValueType, value: unknown): string {
  if (type.kind === Kind.List && Array.isArray(value)) {
    const element = type.element!;
    const bad = value.findIndex((each) =>
      element.kind === Kind.Tensor && !element.optional && typeof each !== "object" ? true : write(2, element, each) === MISFIT);
    if (bad >= 0) return `${describeValue(value[bad])} at index ${bad}`;
  }
  return describeValue(value);
}

function misfit(schema: OperatorSchema, args: readonly unknown[], keywords: Record<string, unknown> | undefined): string {
  const given = keywords === undefined ? args.length : args.length - 1;
  const names = schema.arguments.map((argument) => argument.name);
  const positional = schema.arguments.filter((argument) => !argument.keywordOnly).length;
  if (given > positional) {
    const hint = positional < names.length ? `; pass ${names.slice(positional).join(", ")} by name, in a trailing object` : "";
    return `expected at most ${positional} positional argument${positional === 1 ? "" : "s"}, got ${given}${hint}`;
  }
  for (const [name, value] of Object.entries(keywords ?? {})) {
    if (value === undefined) continue;
    const position = names.indexOf(name);
    if (position === -1) return `there is no argument '${name}'; the arguments are ${names.join(", ")}`;
    if (position < given) return `argument '${name}' is given twice, by position and by name`;
  }
  for (const [i, argument] of schema.arguments.entries()) {
    const value = i < given ? args[i] : keywords?.[argument.name];
    if (value === undefined) {
      if (!argument.hasDefault) return `argument '${argument.name}' is missing: expected ${expected(argument.type)}`;
    } else if (write(2, argument.type, value) === MISFIT) {
      return `argument '${argument.name}': expected ${expected(argument.type)}, got ${describeMisfit(argument.type, value)}`;
    }
  }
  return "the arguments do not fit";
}

/** The error for a call that no overload fits. */
export function explainMisfit(
  overloads: readonly OperatorSchema[],
  args: readonly unknown[],
  keywords: Record<string, unknown> | undefined,
): DgsamError {
  if (overloads.length === 1) {
    const only = overloads[0]!;
    return new DgsamError("ERR_ARGUMENT", `${only.name}: ${misfit(only, args, keywords)}\n  schema: ${only.schema}`);
  }
  const name = overloads[0]!.name.split(".", 1)[0]!;
  const lines = overloads.map((each) => `  ${each.schema}\n    ${misfit(each, args, keywords)}`);
  return new DgsamError("ERR_ARGUMENT", `${name}: the arguments fit none of its ${overloads.length} overloads\n${lines.join("\n")}`);
}
