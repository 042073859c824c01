/** Operator schemas as the addon reports them (native/dispatch_schema.h). */

/** What a schema type needs from a JavaScript value. The numbers are a contract with native/dispatch_schema.h. */
export const Kind = {
  Tensor: 0,
  Int: 1,
  Float: 2,
  Scalar: 3,
  Bool: 4,
  String: 5,
  ScalarType: 6,
  Layout: 7,
  MemoryFormat: 8,
  QScheme: 9,
  Device: 10,
  Generator: 11,
  List: 12,
  Complex: 13,
  Unsupported: 14,
} as const;

export interface ValueType {
  readonly kind: number;
  readonly optional: boolean;
  /** Of a list: the length that one number may stand for (`int[2]`), else 0. */
  readonly size: number;
  /** The type as PyTorch prints it. */
  readonly text: string;
  readonly element?: ValueType;
}

export interface SchemaArgument {
  readonly name: string;
  readonly type: ValueType;
  readonly keywordOnly: boolean;
  /** Whether the operator writes to it. */
  readonly written: boolean;
  readonly hasDefault: boolean;
  readonly defaultText: string;
}

export interface SchemaReturn {
  readonly type: ValueType;
  /** The argument that an in-place or out overload hands back, else -1. */
  readonly aliasedArgument: number;
}

/** One overload of an operator. */
export interface OperatorSchema {
  /** The number by which the addon knows it. */
  readonly index: number;
  /** `"aten::add.Tensor"`; the unnamed overload is `"aten::sum.default"`. */
  readonly name: string;
  /** The schema as PyTorch prints it. */
  readonly schema: string;
  readonly arguments: readonly SchemaArgument[];
  readonly returns: readonly SchemaReturn[];
}
