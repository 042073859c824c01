/** The gradients of many parameters at once: their norm, clipping, and clearing, as torch.nn.utils. Each is one native call. */

import { checkBoolean, checkNumber, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { zeroGradients } from "../tensor/internal.js";
import { tensorsOf } from "./checks.js";
import { once } from "./once.js";

const operators = once(() => ({
  norm: ops.dgsam["grad_norm.default"],
  clipNorm: ops.dgsam["clip_grad_norm_.default"],
  clipValue: ops.dgsam["clip_grad_value_.default"],
}));

/** One parameter, or any iterable of them: `model.parameters()`. */
export type ParametersInput = Tensor | Iterable<Tensor>;

export interface ZeroGradOptions {
  /** Clear the gradients (default), or fill them with zeros. */
  setToNone?: boolean;
}

export interface GradNormOptions {
  /** The order of the norm: a positive number, or `Infinity` for the greatest magnitude. Default 2. */
  normType?: number;
}

export interface ClipGradNormOptions extends GradNormOptions {
  /** Throw `ERR_NON_FINITE`, with the gradients as they were, when the norm is NaN or infinite. Default false. */
  errorIfNonfinite?: boolean;
}

/**
 * The norm over all elements of all gradients together, as torch.nn.utils.get_total_norm. A parameter without a gradient
 * counts as zero, one that comes twice once. Sums are formed in float64 whatever the dtype.
 *
 * @throws DgsamError `ERR_ARGUMENT`, also for a sparse gradient; `ERR_DTYPE` for one that is neither floating-point nor complex
 */
export function gradNorm(params: ParametersInput, options: GradNormOptions = {}): number {
  const { normType } = withDefaults("gradNorm", options, { normType: 2 });
  checkNormType("gradNorm", normType);
  return operators().norm(tensorsOf("gradNorm(params)", params), normType);
}

/**
 * Scales all gradients down, in place, so that their common norm is at most `maxNorm`, as torch.nn.utils.clip_grad_norm_:
 *
 *     g <- g * min(1, maxNorm / (norm + 1e-6))
 *
 * A norm that is NaN goes on into the gradients. An infinite one makes finite gradients 0 and infinite ones NaN, as in PyTorch.
 *
 * @param maxNorm at least 0; with `Infinity` finite gradients stay as they are
 * @returns the norm before, as {@link gradNorm}
 * @throws DgsamError `ERR_NON_FINITE` with `errorIfNonfinite`; and as {@link gradNorm}
 */
export function clipGradNorm(params: ParametersInput, maxNorm: number, options: ClipGradNormOptions = {}): number {
  const { normType, errorIfNonfinite } = withDefaults("clipGradNorm", options, { normType: 2, errorIfNonfinite: false });
  checkNumber("clipGradNorm(params, maxNorm): maxNorm", maxNorm, 0);
  checkNormType("clipGradNorm", normType);
  checkBoolean("clipGradNorm: errorIfNonfinite", errorIfNonfinite);
  const norm = operators().clipNorm(tensorsOf("clipGradNorm(params)", params), maxNorm, normType, errorIfNonfinite);
  if (errorIfNonfinite && !Number.isFinite(norm))
    throw new DgsamError("ERR_NON_FINITE", `clipGradNorm: the norm of the gradients is ${norm}; nothing was clipped (errorIfNonfinite: false clips all the same)`);
  return norm;
}

/**
 * Clips every element of every gradient, in place, to -clipValue to clipValue, as torch.nn.utils.clip_grad_value_. NaN stays.
 *
 * @param clipValue at least 0
 * @throws DgsamError `ERR_DTYPE` for complex gradients; and as {@link gradNorm}; then nothing was clipped
 */
export function clipGradValue(params: ParametersInput, clipValue: number): void {
  checkNumber("clipGradValue(params, clipValue): clipValue", clipValue, 0);
  operators().clipValue(tensorsOf("clipGradValue(params)", params), clipValue);
}

/**
 * Clears the gradients; with `setToNone` false fills them with zeros instead. Optimizers and modules have it as a method.
 *
 * @throws DgsamError `ERR_ARGUMENT`
 */
export function zeroGrad(params: ParametersInput, options: ZeroGradOptions = {}): void {
  const { setToNone } = withDefaults("zeroGrad", options, { setToNone: true });
  checkBoolean("zeroGrad: setToNone", setToNone);
  zeroGradients(tensorsOf("zeroGrad(params)", params), setToNone);
}

function checkNormType(name: string, normType: unknown): void {
  if (typeof normType !== "number" || !(normType > 0)) throw argumentError(`${name}: normType`, "a positive number or Infinity", normType);
}
