/**
 * The one error class of the package. `code` is stable and safe to test against; `message` says what was expected, what
 * came and how to fix it; `cause` keeps the lower-level error or LibTorch's full C++ text.
 */

/** What went wrong, for programs. */
export type DgsamErrorCode =
  /** A tensor or generator was used after `dispose()`, after its `scope()` ended, or in another worker. */
  | "ERR_DISPOSED"
  /** A value of the wrong kind or range was passed. */
  | "ERR_ARGUMENT"
  /** Shapes do not fit each other or the operation. */
  | "ERR_SHAPE"
  /** A dtype does not fit the operation. */
  | "ERR_DTYPE"
  /** Tensors are on different devices, or the device is not available. */
  | "ERR_DEVICE"
  /** Memory could not be allocated; {@link DgsamError.memory} tells the sizes. */
  | "ERR_OOM"
  /**
   * LibTorch refused the operation for a reason that no other code names: the state of the graph, no kernel for a layout, a
   * singular matrix, a check of its own that failed.
   */
  | "ERR_NATIVE"
  /** The native addon is missing or does not load. */
  | "ERR_ADDON"
  /** This operating system or processor is not supported. */
  | "ERR_PLATFORM"
  /** No usable LibTorch: none found, wrong version or ABI, or a failed download. */
  | "ERR_LIBTORCH"
  /** A data file or folder is missing or malformed. */
  | "ERR_DATA"
  /** A loss or gradient was not finite; nothing of the step was applied. */
  | "ERR_NON_FINITE"
  /** An object was used in an order that its protocol does not allow. */
  | "ERR_STATE";

/** Memory that could not be had, in bytes; what nobody tells is left out. */
export interface MemoryShortage {
  /** `"cpu"`, `"cuda:0"`, ... */
  device: string;
  /** What was asked for. */
  requested?: number;
  /** On a GPU what tensors take, of this process; on the CPU what the process takes. */
  allocated?: number;
  /** On a GPU: `allocated`, and what LibTorch's caching allocator keeps for later. */
  reserved?: number;
  /** What was free when memory ran out, and what there is: of the device, of the machine, or of what `ulimit -v` allows. */
  free?: number;
  total?: number;
}

export class DgsamError extends Error {
  override readonly name = "DgsamError";
  readonly code: DgsamErrorCode;
  /** Of `ERR_NON_FINITE`: the index of the domain whose loss or gradient was not finite, where steps take several. */
  readonly domain?: number;
  /** Of `ERR_OOM`: the sizes, where an operator or a pass ran out of memory. */
  readonly memory?: MemoryShortage;

  constructor(code: DgsamErrorCode, message: string, options?: { cause?: unknown; domain?: number; memory?: MemoryShortage }) {
    super(message, options);
    this.code = code;
    if (options?.domain !== undefined) this.domain = options.domain;
    if (options?.memory !== undefined) this.memory = options.memory;
  }
}

/** Whether a plain object has a tensor's fields: structured cloning copies those and drops the class. */
export function isCopiedTensor(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && (("handle" in value && "tracking" in value) || "tensorWithoutData" in value);
}

/** A short text for any value, for messages: its kind, and its content where that is small. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  switch (typeof value) {
    case "string":
      return value.length > 40 ? `the string ${JSON.stringify(value.slice(0, 40))}...` : `the string ${JSON.stringify(value)}`;
    case "number":
      return `the number ${Object.is(value, -0) ? "-0" : value}`;
    case "bigint":
      return `the bigint ${value}n`;
    case "boolean":
      return `the boolean ${value}`;
    case "object": {
      if (Array.isArray(value)) return `an array of length ${value.length}`;
      if (isCopiedTensor(value)) return "what was left of a Tensor copied by postMessage(), structuredClone() or JSON: send its toBytes(), shape and dtype instead, or saveWeights()";
      const name = Object.getPrototypeOf(value)?.constructor?.name as string | undefined;
      return name === undefined || name === "Object" ? `an object with keys {${Object.keys(value).slice(0, 6).join(", ")}}` : `a ${name}`;
    }
    default:
      return `a ${typeof value}`;
  }
}

// More say no more in a message.
const MAX_LISTED = 10;

/** The first few, and how many more there are. */
export function listed(items: readonly string[], separator = ", "): string {
  const more = items.length - MAX_LISTED;
  return more <= 0 ? items.join(separator) : `${items.slice(0, MAX_LISTED).join(separator)}${separator === ", " ? " " : separator}and ${more} more`;
}

/** "`name`: expected `expected`, got ..." */
export function argumentError(name: string, expected: string, got: unknown): DgsamError {
  return new DgsamError("ERR_ARGUMENT", `${name}: expected ${expected}, got ${describeValue(got)}`);
}

const CODES = new Set<string>([
  "ERR_DISPOSED", "ERR_ARGUMENT", "ERR_SHAPE", "ERR_DTYPE", "ERR_DEVICE", "ERR_OOM", "ERR_NATIVE", "ERR_ADDON",
  "ERR_PLATFORM", "ERR_LIBTORCH", "ERR_DATA", "ERR_NON_FINITE", "ERR_STATE",
] satisfies DgsamErrorCode[]);

export function isErrorCode(text: string): text is DgsamErrorCode {
  return CODES.has(text);
}
