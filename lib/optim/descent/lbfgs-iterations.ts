/** The iterations of an L-BFGS step, on a draft of its state. */

import { isComplex } from "../../tensor/dtype.js";
import { forgetCasts, gradients } from "../../tensor/internal.js";
import { ops, scope, type Tensor } from "../../tensor/index.js";
import { differentiate, NonFinite, type Closure } from "../closures.js";
import { once } from "../once.js";
import { strongWolfe } from "./line-search.js";
import type { ParamGroup } from "./optimizer.js";

export interface LBFGSOptions {
  /** Learning rate: the length of a step in units of the direction, or where the line search begins. Default 1. */
  lr: number;
  /** Iterations of one step, at most. Default 20. */
  maxIter: number;
  /** No iteration begins after so many evaluations in one step. Default 5/4 of `maxIter`. */
  maxEval: number;
  /** The step ends when no element of the gradient is larger. Default 1e-7. */
  toleranceGrad: number;
  /** The step ends when neither the loss nor any parameter changes by more. Default 1e-9. */
  toleranceChange: number;
  /** How many pairs (y, s) are remembered. Default 100. */
  historySize: number;
  /** null for steps of length `lr`, which may overshoot; `"strong_wolfe"` to search along each direction. Default null. */
  lineSearchFn: null | "strong_wolfe";
}

/** What it remembers of its iterations, under PyTorch's names; the tensors are flat over all parameters. */
export interface Memory {
  /** The last direction, and the step that was taken along it. */
  d: Tensor;
  t: number;
  /** The pairs, oldest first: y (PyTorch's `old_dirs`), s and 1 / y.s. */
  oldDirs: Tensor[];
  oldStps: Tensor[];
  ro: number[];
  HDiag: number;
  /** Gradient and loss where the last direction began. */
  prevFlatGrad: Tensor;
  prevLoss: number;
}

/** State while a step is under way; nothing of it is the optimizer's until the step has succeeded. */
export interface Draft {
  funcEvals: number;
  nIter: number;
  memory: Memory | null;
}

/** A loss and its gradient at some point. */
interface Evaluation {
  loss: number;
  /** Of all parameters; zeros where there is none. */
  gradient: Tensor;
  /** Its largest element. */
  size: number;
  /** Which parameters have a gradient. */
  present: boolean[];
}

// A step makes hundreds of small calls, and looking an operator up by name costs as much as one takes.
const operators = once(() => ({
  add: ops.aten["_foreach_add_.List"],
  addTo: ops.aten["add_.Tensor"],
  cat: ops.aten["cat.default"],
  copy: ops.aten["_foreach_copy_.default"],
  clone: ops.aten["clone.default"],
  dot: ops.aten["dot.default"],
  norm: ops.aten["linalg_vector_norm.default"],
  reshape: ops.aten["reshape.default"],
  scale: ops.aten["mul.Scalar"],
  split: ops.aten["split_with_sizes.default"],
}));

/** All iterations of one step: moves the parameters and writes the draft. Returns the first loss. */
export function iterate(closure: Closure, group: ParamGroup<LBFGSOptions>, draft: Draft): number {
  const { maxIter, maxEval, toleranceGrad, toleranceChange } = group;
  const evaluations = draft.funcEvals;
  const first = evaluate(closure, group.params, draft);
  let current: Evaluation = first;
  if (current.size <= toleranceGrad) return first.loss;
  for (let iteration = 1; iteration <= maxIter; iteration++) {
    const { memory, directionSize, next } = scope(() => {
      draft.nIter++;
      // In a scope of its own: what it needs on the way would live through a line search.
      const memory = scope(() => remember(draft.memory, current, group));
      mask(memory.d, group.params, current.present);
      const slope = dot(current.gradient, memory.d);
      if (!Number.isFinite(slope)) throw new NonFinite("search direction", slope);
      // Nothing to be gained along it: the step ends here.
      if (slope > -toleranceChange) return { memory, directionSize: 0, next: null };
      const directionSize = largest(memory.d);
      const next = move({ closure, group, draft, current, memory, slope, directionSize, last: iteration === maxIter, left: maxEval - (draft.funcEvals - evaluations) });
      return { memory, directionSize, next };
    });
    // What the step began with goes on until the step has succeeded.
    if (iteration > 1) for (const past of [draft.memory!.d, draft.memory!.prevFlatGrad]) past.dispose();
    draft.memory = memory;
    if (next === null) break;
    current = next;
    if (draft.funcEvals - evaluations >= maxEval || current.size <= toleranceGrad) break;
    if (directionSize * Math.abs(memory.t) <= toleranceChange || Math.abs(current.loss - memory.prevLoss) < toleranceChange) break;
  }
  return first.loss;
}

interface Move {
  closure: Closure;
  group: ParamGroup<LBFGSOptions>;
  draft: Draft;
  current: Evaluation;
  memory: Memory;
  slope: number;
  directionSize: number;
  /** Whether this is the step's last iteration. */
  last: boolean;
  /** How many evaluations are left. */
  left: number;
}

/** Goes along the direction, writes how far, and evaluates there; null after the last iteration, which needs no evaluation. */
function move({ closure, group, draft, current, memory, slope, directionSize, last, left }: Move): Evaluation | null {
  const { params, lineSearchFn, toleranceChange } = group;
  const go = along(memory.d, params, current.present);
  if (lineSearchFn === null) {
    go(memory.t);
    return last ? null : evaluate(closure, params, draft);
  }
  const { copy, clone } = operators();
  const origin = params.map((parameter) => clone(parameter));
  const evaluateAt = (t: number) => {
    go(t);
    const there = evaluate(closure, params, draft);
    copy(params, origin);
    return { ...there, t, slope: dot(there.gradient, memory.d) };
  };
  const found = strongWolfe(evaluateAt, { ...current, t: 0, slope }, { firstStep: memory.t, directionSize, toleranceChange, maxIterations: left });
  memory.t = found.t;
  go(found.t);
  return last ? null : found;
}

function evaluate(closure: Closure, params: readonly Tensor[], draft: Draft): Evaluation {
  draft.funcEvals++;
  // The parameters have moved since the last one.
  forgetCasts();
  const loss = differentiate(closure, params, "LBFGS.step: the closure");
  const found = gradients(params);
  const gradient = flatten(found, params);
  const size = largest(gradient);
  if (!Number.isFinite(size)) throw new NonFinite("gradient", size);
  return { loss, gradient, size, present: found.map((each) => each !== null) };
}

/** The memory after one more gradient, with the direction to go from there and the step to begin with. */
function remember(memory: Memory | null, { gradient, loss }: Evaluation, { lr, historySize }: LBFGSOptions): Memory {
  const { scale } = operators();
  const now = { prevFlatGrad: gradient, prevLoss: loss };
  if (memory === null) {
    const sum = Number(operators().norm(gradient, 1).item());
    return { ...now, d: scale(gradient, -1), t: Math.min(1, 1 / sum) * lr, oldDirs: [], oldStps: [], ro: [], HDiag: 1 };
  }
  const { oldDirs, oldStps, ro } = memory;
  let { HDiag } = memory;
  const y = ops.aten["sub.Tensor"](gradient, memory.prevFlatGrad);
  const s = scale(memory.d, memory.t);
  const ys = dot(y, s);
  if (ys > 1e-10) {
    const surplus = Math.max(0, oldDirs.length + 1 - historySize);
    for (const list of [oldDirs, oldStps, ro]) list.splice(0, surplus);
    oldDirs.push(y);
    oldStps.push(s);
    ro.push(1 / ys);
    HDiag = ys / dot(y, y);
  }
  return { ...now, d: direction(gradient, { oldDirs, oldStps, ro, HDiag }), t: lr, oldDirs, oldStps, ro, HDiag };
}

/** -H g by the two-loop recursion. */
function direction(gradient: Tensor, { oldDirs, oldStps, ro, HDiag }: Pick<Memory, "oldDirs" | "oldStps" | "ro" | "HDiag">): Tensor {
  const { addTo, scale } = operators();
  const q = scale(gradient, -1);
  const al: number[] = [];
  for (let i = oldDirs.length - 1; i >= 0; i--) {
    al[i] = dot(oldStps[i]!, q) * ro[i]!;
    addTo(q, oldDirs[i]!, { alpha: -al[i]! });
  }
  const r = scale(q, HDiag);
  for (let i = 0; i < oldDirs.length; i++) addTo(r, oldStps[i]!, { alpha: al[i]! - dot(oldDirs[i]!, r) * ro[i]! });
  return r;
}

function dot(a: Tensor, b: Tensor): number {
  return Number(operators().dot(a, b).item());
}

/** The largest magnitude in a vector; NaN when there is one. */
function largest(vector: Tensor): number {
  return Number(operators().norm(vector, Infinity).item());
}

/** One vector of tensors like `params`, zeros for null; complex ones by their parts, sparse ones in full. */
export function flatten(tensors: readonly (Tensor | null)[], params: readonly Tensor[]): Tensor {
  const { cat, reshape } = operators();
  return cat(
    tensors.map((tensor, i) => {
      const whole = tensor ?? ops.aten["zeros_like.default"](params[i]!);
      const dense = whole.layout === "strided" ? whole : ops.aten["to_dense.default"](whole);
      return reshape(isComplex(dense.dtype) ? ops.aten["view_as_real.default"](ops.aten["resolve_conj.default"](dense)) : dense, [-1]);
    }),
  );
}

/** The parts of a vector that belong to each parameter. */
function parts(vector: Tensor, params: readonly Tensor[]): Tensor[] {
  return operators().split(vector, params.map((parameter) => parameter.numel * (isComplex(parameter.dtype) ? 2 : 1)));
}

/** Clears the direction of parameters without a gradient, which what is remembered of earlier ones would move. */
function mask(d: Tensor, params: readonly Tensor[], present: readonly boolean[]): void {
  if (present.every(Boolean)) return;
  parts(d, params).forEach((part, i) => present[i] || ops.aten["zero_.default"](part));
}

/** What moves the parameters by a step along `d`; those without a gradient keep every bit. */
function along(d: Tensor, params: readonly Tensor[], present: readonly boolean[]): (t: number) => void {
  const { add, reshape } = operators();
  const targets = params.map((parameter) => (isComplex(parameter.dtype) ? ops.aten["view_as_real.default"](parameter) : parameter));
  const shares = parts(d, params).map((part, i) => reshape(part, targets[i]!.shape));
  const moving = (list: Tensor[]): Tensor[] => list.filter((_, i) => present[i]);
  return (t) => add(moving(targets), moving(shares), { alpha: t });
}
