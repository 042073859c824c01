/** The overloads that cannot be called from JavaScript, and why. */

import { operatorNames, operatorSchemas } from "../tensor/operators.js";
import { Kind, type OperatorSchema, type ValueType } from "../tensor/schema.js";

export interface NotCallable {
  /** `"aten::set_.source_Storage"` */
  readonly operator: string;
  readonly reason: string;
}

const REASONS: readonly (readonly [RegExp, string])[] = [
  [/Storage/, "takes a Storage, memory without dtype or shape; `set_.source_Tensor` takes a tensor's memory"],
  [/Stream/, "takes a Stream of an accelerator"],
  [/CellParamsBase/, "takes packed parameters, an object that only TorchScript makes"],
];

function unsupported(type: ValueType): ValueType | undefined {
  if (type.element !== undefined) return unsupported(type.element);
  return type.kind === Kind.Unsupported ? type : undefined;
}

function reasonFor(schema: OperatorSchema): string | undefined {
  for (const argument of schema.arguments) {
    const type = argument.hasDefault || argument.type.optional ? undefined : unsupported(argument.type);
    if (type !== undefined) return REASONS.find(([words]) => words.test(type.text))?.[1] ?? `takes a value of type ${type.text}`;
  }
  for (const result of schema.returns) {
    const type = unsupported(result.type);
    if (type !== undefined) return `gives a value of type ${type.text}`;
  }
  return undefined;
}

/** All of a namespace, sorted by name. */
export function notCallable(namespace: string): NotCallable[] {
  const packets = new Set(operatorNames(namespace).map(({ name }) => name.split(".", 1)[0]!));
  return [...packets]
    .flatMap((name) => operatorSchemas(namespace, name))
    .flatMap((schema) => {
      const reason = reasonFor(schema);
      return reason === undefined ? [] : [{ operator: schema.name, reason }];
    })
    .sort((a, b) => (a.operator < b.operator ? -1 : 1));
}
