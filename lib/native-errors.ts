/** From a failure inside the addon to a DgsamError: LibTorch knows few classes of errors, so the code is read from the text. */

import { DgsamError, isErrorCode, type DgsamErrorCode, type MemoryShortage } from "./errors.js";

// How LibTorch's messages write dtypes: Float, kInt, QInt8, int64, bool, integral, ...
const DTYPE =
  "(?:k?(?:Byte|Char|Short|Int|Long|Half|Float|Double|Bool|BFloat16|Complex\\w*|QU?Int\\d*|U?Int\\d+|Float\\d+)(?:Tensor)?|" +
  "float(?:16|32|64)?|double|half|long|u?int\\d*|bool(?:ean)?|complex|integral|integers?|\\d\\d-bit|scalar_?type|floating[- ]point)";
const any = (...patterns: string[]): RegExp => new RegExp(patterns.join("|"), "i");

/** First match wins: a text on dtypes may well mention sizes, one on sizes what was expected. */
const WORDS: readonly (readonly [DgsamErrorCode, RegExp])[] = [
  ["ERR_OOM", /can't allocate memory|out of memory|not enough memory|_ALLOC_FAILED|storage size calculation overflowed/i],
  // Layouts and quantisation are backends to LibTorch too: those are no devices.
  ["ERR_DEVICE", /with arguments from the '(?!CPU|Meta|Quantized|Sparse|Mkldnn|Nested)\w+' backend/],
  ["ERR_DEVICE", /same device|device type|expected .* device|on device|different devices|cuda devices|CUDA driver|not compiled with CUDA|Cannot access data pointer|NVIDIA|cannot initialize|cannot execute init|device string|meta tensor|accelerator/i],
  // What no argument alone is to blame for: the state of the graph, what this build lacks, a check that LibTorch itself broke.
  ["ERR_NATIVE", /internal (check|error)|could not run|requires? grad|require_grad|differentiation|differentiated|backward through|inference (mode|tensor)|in-?place operation|no longer supported|primitive descriptor|distributed|privateuse|ATen_cuda/i],
  ["ERR_ARGUMENT", /\b(index|indices|start|target|class)\b.*out of .*(range|bounds)|element is out of|single int|\btuple of\b|contain one int|concrete integers|memory format|out of range: tried/i],
  ["ERR_DTYPE", /dtype|scalar ?type|not implemented for '|data type|can't be cast|only Tensors of floating point|floating[ -]point or complex|promot\w+ .*types?\b/i],
  ["ERR_DTYPE", any(
    `(?:must|should|may|has to|expect\\w*|support\\w*|handle\\w*|need\\w*|intended) (?:[\\w'\`()-]+ ){0,6}?${DTYPE}(?:,| or| and| tensors?| types?| numbers?| inputs?| outputs?| matrix|[.:;]|$)`,
    `${DTYPE}[- ](?:tensors?|inputs?|outputs?|types?) .*not (?:yet )?(?:supported|allowed|implemented)`,
    `not (?:yet )?implemented for ${DTYPE}`,
    `only applicable to .*type ${DTYPE}`,
    `only works on ${DTYPE}`,
    `${DTYPE} (?:tensors? )?(?:but|did not match|does not match)`,
    `(?:same|input|index|tensors of|converted? to|unknown \\w+|the dtype or) (?:scalar)?type\\b(?! .* without overflow)`,
  )],
  ["ERR_SHAPE", /shape|size|dimension|\bndim\b|\bdims?\b|broadcast|must match|numel|number of (elements|columns|rows|channels)|expand|same length|strides? calculation/i],
  ["ERR_SHAPE", /\b\d+-?d\b|\bmatri(x|ces)\b|\bvectors?\b|\brank \d|\d+-element|(no|one|with \d+|than one|more) (elements?|values?)\b|contain \d+ elements|non-?empty (\w+ )?tensor\b|(?<!non-)\bempty tensors?\b/i],
  ["ERR_ARGUMENT", /out of (range|bounds)|\b(expect|must|should|has to|have to|invalid|unsupported|unknown|unrecogni[sz]ed|cannot sample|contains either|greater|less than|larger|smaller|positive|negative|overflow|range|one of|required|not supported|only supports?|at least|fewer|zerodivision|too large|cannot be zero|not be none|inconsistent|incorrect|only p ==|possible modes|missing value for argument|can't be set|cannot be represented)|non-(zero|empty)/i],
];

/** LibTorch's words where it was built without a device: one that it has can at least make empty tensors. */
const LACKING_DEVICE = [
  /PyTorch is not linked with support for (\w+) devices/,
  /Could not run 'aten::(?:empty\.memory_format|empty_strided|tril_indices|triu_indices)' with arguments from the '(?!CPU|Meta|Quantized|Sparse|Mkldnn|Nested)(\w+)' backend/,
  /^Cannot initialize (\w+) without ATen_\w+ library/,
];

/** What to say instead where LibTorch lacks a device; null where it does not. */
function lackingDevice(message: string): string | null {
  const name = LACKING_DEVICE.map((words) => words.exec(message)?.[1]).find((each) => each !== undefined)?.toUpperCase();
  if (name === undefined) return null;
  const what = `there is no ${name} device: this LibTorch`;
  if (name === "CUDA") return `${what} was built without CUDA. npx dgsam doctor tells what there is, and docs/install.md how to get one that has it`;
  return `${what} knows none. npx dgsam doctor tells what there is`;
}

/** LibTorch's advice names options as Python spells them, and a mode that is Python's alone. */
function withOurAdvice(text: string): string {
  return text.replace(/ Hint: enable anomaly detection to find .* torch\.autograd\.set_detect_anomaly\(.*?\)\./, " Write to a clone() of it, or after backward().")
    .replace(/\b(allow_unused|retain_graph|create_graph)=True\b/g, (_, name: string) => `${name.replace(/_[a-z]/, (part) => part[1]!.toUpperCase())}: true`)
    .replace(/\belement (\d+)of the\b/, "element $1 of the");
}

function codeOf(kind: string, message: string): DgsamErrorCode {
  if (isErrorCode(kind)) return kind;
  if (kind === "OutOfMemoryError") return "ERR_OOM";
  // A matrix was singular, a factorisation did not converge: the values are to blame, not the call.
  if (kind === "LinAlgError") return "ERR_NATIVE";
  const found = WORDS.find(([, words]) => words.test(message))?.[0];
  if (found !== undefined) return found;
  return kind === "IndexError" || kind === "ValueError" || kind === "TypeError" ? "ERR_ARGUMENT" : "ERR_NATIVE";
}

/**
 * Makes the error for a failure inside the addon.
 *
 * @param kind a {@link DgsamErrorCode}, or the name of LibTorch's error class
 * @param subject the operator that ran, empty when none did
 * @param memory the sizes, where memory ran out
 */
export function nativeError(kind: string, message: string, details: string, subject: string, memory?: MemoryShortage): DgsamError {
  const lacking = lackingDevice(message);
  const text = lacking ?? withOurAdvice(message);
  return new DgsamError(lacking === null ? codeOf(kind, message) : "ERR_DEVICE", subject === "" ? text : `${subject}: ${text}`, {
    ...(details === "" ? {} : { cause: new Error(details) }),
    ...(memory === undefined ? {} : { memory }),
  });
}
