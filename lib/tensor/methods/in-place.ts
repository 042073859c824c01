/**
 * In-place forms: a trailing underscore writes the result into this tensor and returns it, the same object.
 *
 * The result must fit this tensor's shape and dtype, or it is an `ERR_SHAPE` or `ERR_DTYPE`. A leaf that requires a
 * gradient can be changed inside `noGrad()` only (`ERR_NATIVE`), as in PyTorch.
 */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import { addMethods, operator } from "./define.js";
import { dropoutOver, type DropoutSettings } from "./dropout.js";
import type { Dims, DivisionOptions, NumberLike, ScatterReduction, TensorLike } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * Fills with one value.
     * @see torch.Tensor.fill_
     */
    fill_(value: TensorLike): this;
    /**
     * Fills with zeros.
     * @see torch.Tensor.zero_
     */
    zero_(): this;
    /**
     * Copies the elements of `src`, broadcast and converted to this dtype and device.
     * @see torch.Tensor.copy_
     */
    copy_(src: TensorLike, nonBlocking?: boolean): this;
    copy_(src: TensorLike, options: { nonBlocking?: boolean }): this;
    /**
     * Fills the main diagonal; with `wrap`, of a tall matrix again and again.
     * @see torch.Tensor.fill_diagonal_
     */
    fillDiagonal_(value: ScalarLike, wrap?: boolean): this;
    fillDiagonal_(value: ScalarLike, options: { wrap?: boolean }): this;
    /** {@link Tensor.add} in place. */
    add_(other: TensorLike, options?: { alpha?: ScalarLike }): this;
    /** {@link Tensor.sub} in place. */
    sub_(other: TensorLike, options?: { alpha?: ScalarLike }): this;
    /** {@link Tensor.mul} in place. */
    mul_(other: TensorLike): this;
    /** {@link Tensor.div} in place. */
    div_(other: TensorLike, options?: DivisionOptions): this;
    /** {@link Tensor.floorDivide} in place. */
    floorDivide_(other: TensorLike): this;
    /** {@link Tensor.remainder} in place. */
    remainder_(other: TensorLike): this;
    /** {@link Tensor.fmod} in place. */
    fmod_(other: TensorLike): this;
    /** {@link Tensor.pow} in place. */
    pow_(exponent: TensorLike): this;
    /** {@link Tensor.addcmul} in place. */
    addcmul_(tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }): this;
    /** {@link Tensor.addcdiv} in place. */
    addcdiv_(tensor1: TensorLike, tensor2: TensorLike, options?: { value?: ScalarLike }): this;
    /** {@link Tensor.lerp} in place. */
    lerp_(end: Tensor, weight: TensorLike): this;
    /** {@link Tensor.atan2} in place. */
    atan2_(other: TensorLike): this;
    /** {@link Tensor.hypot} in place. */
    hypot_(other: TensorLike): this;
    /** {@link Tensor.copysign} in place. */
    copysign_(other: TensorLike): this;
    /** {@link Tensor.xlogy} in place. */
    xlogy_(other: TensorLike): this;
    /** {@link Tensor.heaviside} in place. */
    heaviside_(values: Tensor): this;
    /** {@link Tensor.gcd} in place. */
    gcd_(other: Tensor): this;
    /** {@link Tensor.lcm} in place. */
    lcm_(other: Tensor): this;
    /** {@link Tensor.neg} in place. */
    neg_(): this;
    /** {@link Tensor.sgn} in place. */
    sgn_(): this;
    /** {@link Tensor.square} in place. */
    square_(): this;
    /** {@link Tensor.floor} in place. */
    floor_(): this;
    /** {@link Tensor.ceil} in place. */
    ceil_(): this;
    /** {@link Tensor.trunc} in place. */
    trunc_(): this;
    /** {@link Tensor.frac} in place. */
    frac_(): this;
    /** {@link Tensor.sign} in place. */
    sign_(): this;
    /** {@link Tensor.abs} in place. */
    abs_(): this;
    /** {@link Tensor.round} in place. */
    round_(options?: { decimals?: number }): this;
    /** {@link Tensor.reciprocal} in place. */
    reciprocal_(): this;
    /** {@link Tensor.exp} in place. */
    exp_(): this;
    /** {@link Tensor.exp2} in place. */
    exp2_(): this;
    /** {@link Tensor.expm1} in place. */
    expm1_(): this;
    /** {@link Tensor.log} in place. */
    log_(): this;
    /** {@link Tensor.log2} in place. */
    log2_(): this;
    /** {@link Tensor.log10} in place. */
    log10_(): this;
    /** {@link Tensor.log1p} in place. */
    log1p_(): this;
    /** {@link Tensor.sqrt} in place. */
    sqrt_(): this;
    /** {@link Tensor.rsqrt} in place. */
    rsqrt_(): this;
    /** {@link Tensor.sin} in place. */
    sin_(): this;
    /** {@link Tensor.cos} in place. */
    cos_(): this;
    /** {@link Tensor.tan} in place. */
    tan_(): this;
    /** {@link Tensor.asin} in place. */
    asin_(): this;
    /** {@link Tensor.acos} in place. */
    acos_(): this;
    /** {@link Tensor.atan} in place. */
    atan_(): this;
    /** {@link Tensor.sinh} in place. */
    sinh_(): this;
    /** {@link Tensor.cosh} in place. */
    cosh_(): this;
    /** {@link Tensor.tanh} in place. */
    tanh_(): this;
    /** {@link Tensor.asinh} in place. */
    asinh_(): this;
    /** {@link Tensor.acosh} in place. */
    acosh_(): this;
    /** {@link Tensor.atanh} in place. */
    atanh_(): this;
    /** {@link Tensor.sinc} in place. */
    sinc_(): this;
    /** {@link Tensor.erf} in place. */
    erf_(): this;
    /** {@link Tensor.erfc} in place. */
    erfc_(): this;
    /** {@link Tensor.erfinv} in place. */
    erfinv_(): this;
    /** {@link Tensor.lgamma} in place. */
    lgamma_(): this;
    /** {@link Tensor.digamma} in place. */
    digamma_(): this;
    /** {@link Tensor.i0} in place. */
    i0_(): this;
    /** {@link Tensor.deg2rad} in place. */
    deg2rad_(): this;
    /** {@link Tensor.rad2deg} in place. */
    rad2deg_(): this;
    /** {@link Tensor.sigmoid} in place. */
    sigmoid_(): this;
    /** {@link Tensor.logit} in place. */
    logit_(eps?: number | null): this;
    logit_(options: { eps?: number | null }): this;
    /** {@link Tensor.clamp} in place. */
    clamp_(min?: TensorLike | null, max?: TensorLike | null): this;
    clamp_(options: { min?: TensorLike | null; max?: TensorLike | null }): this;
    /** {@link Tensor.nanToNum} in place. */
    nanToNum_(nan?: number | null, posinf?: number | null, neginf?: number | null): this;
    nanToNum_(options: { nan?: number | null; posinf?: number | null; neginf?: number | null }): this;
    /** {@link Tensor.bitwiseAnd} in place. */
    bitwiseAnd_(other: TensorLike): this;
    /** {@link Tensor.bitwiseOr} in place. */
    bitwiseOr_(other: TensorLike): this;
    /** {@link Tensor.bitwiseXor} in place. */
    bitwiseXor_(other: TensorLike): this;
    /** {@link Tensor.bitwiseNot} in place. */
    bitwiseNot_(): this;
    /** {@link Tensor.bitwiseLeftShift} in place. */
    bitwiseLeftShift_(other: TensorLike): this;
    /** {@link Tensor.bitwiseRightShift} in place. */
    bitwiseRightShift_(other: TensorLike): this;
    /** {@link Tensor.cumsum} in place. */
    cumsum_(dim: number, options?: { dtype?: DType }): this;
    cumsum_(options: { dim: number; dtype?: DType }): this;
    /** {@link Tensor.cumprod} in place. */
    cumprod_(dim: number, options?: { dtype?: DType }): this;
    cumprod_(options: { dim: number; dtype?: DType }): this;
    /** {@link Tensor.transpose} in place. */
    transpose_(dim0: number, dim1: number): this;
    /** {@link Tensor.t} in place. */
    t_(): this;
    /** {@link Tensor.squeeze} in place. */
    squeeze_(dim?: Dims): this;
    squeeze_(options: { dim?: Dims }): this;
    /** {@link Tensor.unsqueeze} in place. */
    unsqueeze_(dim: number): this;
    /** {@link Tensor.tril} in place. */
    tril_(diagonal?: number): this;
    tril_(options: { diagonal?: number }): this;
    /** {@link Tensor.triu} in place. */
    triu_(diagonal?: number): this;
    triu_(options: { diagonal?: number }): this;
    /** {@link Tensor.scatter} in place. */
    scatter_(dim: number, index: Tensor, src: Tensor | NumberLike, options?: { reduce?: "add" | "multiply" }): this;
    /** {@link Tensor.scatterAdd} in place. */
    scatterAdd_(dim: number, index: Tensor, src: Tensor): this;
    /** {@link Tensor.scatterReduce} in place. */
    scatterReduce_(dim: number, index: Tensor, src: Tensor, reduce: ScatterReduction, options?: { includeSelf?: boolean }): this;
    /** {@link Tensor.indexAdd} in place. */
    indexAdd_(dim: number, index: Tensor, source: Tensor, options?: { alpha?: ScalarLike }): this;
    /** {@link Tensor.indexCopy} in place. */
    indexCopy_(dim: number, index: Tensor, source: Tensor): this;
    /** {@link Tensor.indexFill} in place. */
    indexFill_(dim: number, index: Tensor, value: Tensor | ScalarLike): this;
    /** {@link Tensor.indexPut} in place. */
    indexPut_(indices: readonly (Tensor | null)[], values: Tensor, accumulate?: boolean): this;
    indexPut_(indices: readonly (Tensor | null)[], values: Tensor, options: { accumulate?: boolean }): this;
    /** {@link Tensor.maskedFill} in place. */
    maskedFill_(mask: Tensor, value: Tensor | ScalarLike): this;
    /** {@link Tensor.maskedScatter} in place. */
    maskedScatter_(mask: Tensor, source: Tensor): this;
    /** {@link Tensor.put} in place. */
    put_(index: Tensor, source: Tensor, accumulate?: boolean): this;
    put_(index: Tensor, source: Tensor, options: { accumulate?: boolean }): this;
    /** {@link Tensor.addmm} in place. */
    addmm_(mat1: Tensor, mat2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): this;
    /** {@link Tensor.addmv} in place. */
    addmv_(mat: Tensor, vec: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): this;
    /** {@link Tensor.addr} in place. */
    addr_(vec1: Tensor, vec2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): this;
    /** {@link Tensor.baddbmm} in place. */
    baddbmm_(batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): this;
    /** {@link Tensor.addbmm} in place. */
    addbmm_(batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): this;
    /** {@link Tensor.relu} in place. */
    relu_(): this;
    /** {@link Tensor.relu6} in place. */
    relu6_(): this;
    /** {@link Tensor.silu} in place. */
    silu_(): this;
    /** {@link Tensor.mish} in place. */
    mish_(): this;
    /** {@link Tensor.selu} in place. */
    selu_(): this;
    /** {@link Tensor.hardswish} in place. */
    hardswish_(): this;
    /** {@link Tensor.hardsigmoid} in place. */
    hardsigmoid_(): this;
    /** {@link Tensor.gelu} in place. */
    gelu_(options?: { approximate?: "none" | "tanh" }): this;
    /** {@link Tensor.elu} in place. */
    elu_(alpha?: number, scale?: number, inputScale?: number): this;
    elu_(options: { alpha?: number; scale?: number; inputScale?: number }): this;
    /** {@link Tensor.celu} in place. */
    celu_(alpha?: number): this;
    celu_(options: { alpha?: number }): this;
    /** {@link Tensor.leakyRelu} in place. */
    leakyRelu_(negativeSlope?: number): this;
    leakyRelu_(options: { negativeSlope?: number }): this;
    /** {@link Tensor.hardtanh} in place. */
    hardtanh_(minVal?: number, maxVal?: number): this;
    hardtanh_(options: { minVal?: number; maxVal?: number }): this;
    /** {@link Tensor.threshold} in place. */
    threshold_(threshold: number, value: number): this;
    /** {@link Tensor.dropout} in place. */
    dropout_(p?: number, training?: boolean): this;
    dropout_(options: DropoutSettings): this;
    /** {@link Tensor.absolute} in place. */
    absolute_(): this;
    /** {@link Tensor.negative} in place. */
    negative_(): this;
    /** {@link Tensor.subtract} in place. */
    subtract_(other: TensorLike, options?: { alpha?: ScalarLike }): this;
    /** {@link Tensor.multiply} in place. */
    multiply_(other: TensorLike): this;
    /** {@link Tensor.divide} in place. */
    divide_(other: TensorLike, options?: DivisionOptions): this;
    /** {@link Tensor.trueDivide} in place. */
    trueDivide_(other: TensorLike): this;
    /** {@link Tensor.clip} in place. */
    clip_(min?: TensorLike | null, max?: TensorLike | null): this;
    clip_(options: { min?: TensorLike | null; max?: TensorLike | null }): this;
    /** {@link Tensor.clampMin} in place. */
    clampMin_(min: TensorLike): this;
    /** {@link Tensor.clampMax} in place. */
    clampMax_(max: TensorLike): this;
    /** {@link Tensor.floatPower} in place. */
    floatPower_(exponent: TensorLike): this;
    /** {@link Tensor.ldexp} in place. */
    ldexp_(other: Tensor): this;
    /** {@link Tensor.nextafter} in place. */
    nextafter_(other: Tensor): this;
    /** {@link Tensor.renorm} in place. */
    renorm_(p: NumberLike, dim: number, maxnorm: NumberLike): this;
    /** {@link Tensor.indexReduce} in place. */
    indexReduce_(dim: number, index: Tensor, source: Tensor, reduce: "prod" | "mean" | "amax" | "amin", options?: { includeSelf?: boolean }): this;
    /** {@link Tensor.eq} in place: 1 where it holds, else 0, in this dtype. */
    eq_(other: TensorLike): this;
    /** {@link Tensor.ne} in place: 1 where it holds, else 0, in this dtype. */
    ne_(other: TensorLike): this;
    /** {@link Tensor.lt} in place: 1 where it holds, else 0, in this dtype. */
    lt_(other: TensorLike): this;
    /** {@link Tensor.le} in place: 1 where it holds, else 0, in this dtype. */
    le_(other: TensorLike): this;
    /** {@link Tensor.gt} in place: 1 where it holds, else 0, in this dtype. */
    gt_(other: TensorLike): this;
    /** {@link Tensor.ge} in place: 1 where it holds, else 0, in this dtype. */
    ge_(other: TensorLike): this;
    /** {@link Tensor.greater} in place: 1 where it holds, else 0, in this dtype. */
    greater_(other: TensorLike): this;
    /** {@link Tensor.greaterEqual} in place: 1 where it holds, else 0, in this dtype. */
    greaterEqual_(other: TensorLike): this;
    /** {@link Tensor.less} in place: 1 where it holds, else 0, in this dtype. */
    less_(other: TensorLike): this;
    /** {@link Tensor.lessEqual} in place: 1 where it holds, else 0, in this dtype. */
    lessEqual_(other: TensorLike): this;
    /** {@link Tensor.notEqual} in place: 1 where it holds, else 0, in this dtype. */
    notEqual_(other: TensorLike): this;
    /** {@link Tensor.logicalAnd} in place: 1 where it holds, else 0, in this dtype. */
    logicalAnd_(other: Tensor): this;
    /** {@link Tensor.logicalOr} in place: 1 where it holds, else 0, in this dtype. */
    logicalOr_(other: Tensor): this;
    /** {@link Tensor.logicalXor} in place: 1 where it holds, else 0, in this dtype. */
    logicalXor_(other: Tensor): this;
    /** {@link Tensor.logicalNot} in place: 1 where this is 0, else 0, in this dtype. */
    logicalNot_(): this;
    /** {@link Tensor.polygamma} in place. */
    polygamma_(n: number): this;
  }
}

addMethods({
  fill_: operator("fill_"), zero_: operator("zero_"), copy_: operator("copy_"), fillDiagonal_: operator("fill_diagonal_"),
  div_: operator("div_"), floorDivide_: operator("floor_divide_"), remainder_: operator("remainder_"),
  fmod_: operator("fmod_"), pow_: operator("pow_"), addcmul_: operator("addcmul_"), addcdiv_: operator("addcdiv_"),
  lerp_: operator("lerp_"), atan2_: operator("atan2_"), hypot_: operator("hypot_"), copysign_: operator("copysign_"),
  xlogy_: operator("xlogy_"), heaviside_: operator("heaviside_"), gcd_: operator("gcd_"), lcm_: operator("lcm_"),
  neg_: operator("neg_"), sgn_: operator("sgn_"), square_: operator("square_"), floor_: operator("floor_"),
  ceil_: operator("ceil_"), trunc_: operator("trunc_"), frac_: operator("frac_"), sign_: operator("sign_"),
  abs_: operator("abs_"), round_: operator("round_"), reciprocal_: operator("reciprocal_"), exp_: operator("exp_"),
  exp2_: operator("exp2_"), expm1_: operator("expm1_"), log_: operator("log_"), log2_: operator("log2_"),
  log10_: operator("log10_"), log1p_: operator("log1p_"), sqrt_: operator("sqrt_"), rsqrt_: operator("rsqrt_"),
  sin_: operator("sin_"), cos_: operator("cos_"), tan_: operator("tan_"), asin_: operator("asin_"),
  acos_: operator("acos_"), atan_: operator("atan_"), sinh_: operator("sinh_"), cosh_: operator("cosh_"),
  tanh_: operator("tanh_"), asinh_: operator("asinh_"), acosh_: operator("acosh_"), atanh_: operator("atanh_"),
  sinc_: operator("sinc_"), erf_: operator("erf_"), erfc_: operator("erfc_"), erfinv_: operator("erfinv_"),
  lgamma_: operator("lgamma_"), digamma_: operator("digamma_"), i0_: operator("i0_"), deg2rad_: operator("deg2rad_"),
  rad2deg_: operator("rad2deg_"), sigmoid_: operator("sigmoid_"), logit_: operator("logit_"), clamp_: operator("clamp_"),
  nanToNum_: operator("nan_to_num_"), bitwiseAnd_: operator("bitwise_and_"), bitwiseOr_: operator("bitwise_or_"),
  bitwiseXor_: operator("bitwise_xor_"), bitwiseNot_: operator("bitwise_not_"),
  bitwiseLeftShift_: operator("bitwise_left_shift_"), bitwiseRightShift_: operator("bitwise_right_shift_"),
  cumsum_: operator("cumsum_"), cumprod_: operator("cumprod_"), transpose_: operator("transpose_"), t_: operator("t_"),
  squeeze_: operator("squeeze_"), unsqueeze_: operator("unsqueeze_"), tril_: operator("tril_"), triu_: operator("triu_"),
  scatter_: operator("scatter_"), scatterAdd_: operator("scatter_add_"), scatterReduce_: operator("scatter_reduce_"),
  indexAdd_: operator("index_add_"), indexCopy_: operator("index_copy_"), indexFill_: operator("index_fill_"),
  indexPut_: operator("index_put_"), maskedFill_: operator("masked_fill_"), maskedScatter_: operator("masked_scatter_"),
  put_: operator("put_"), addmm_: operator("addmm_"), addmv_: operator("addmv_"), addr_: operator("addr_"),
  baddbmm_: operator("baddbmm_"), addbmm_: operator("addbmm_"), relu_: operator("relu_"), relu6_: operator("relu6_"),
  silu_: operator("silu_"), mish_: operator("mish_"), selu_: operator("selu_"), hardswish_: operator("hardswish_"),
  hardsigmoid_: operator("hardsigmoid_"), gelu_: operator("gelu_"), elu_: operator("elu_"), celu_: operator("celu_"),
  leakyRelu_: operator("leaky_relu_"), hardtanh_: operator("hardtanh_"), threshold_: operator("threshold_"),
  dropout_: dropoutOver("dropout_"), add_: operator("add_.Tensor"), sub_: operator("sub_.Tensor"),
  mul_: operator("mul_.Tensor"),
  absolute_: operator("absolute_"), negative_: operator("negative_"), subtract_: operator("subtract_"),
  multiply_: operator("multiply_"), divide_: operator("divide_"), trueDivide_: operator("true_divide_"),
  clip_: operator("clip_"), clampMin_: operator("clamp_min_"), clampMax_: operator("clamp_max_"),
  floatPower_: operator("float_power_"), ldexp_: operator("ldexp_"), nextafter_: operator("nextafter_"),
  renorm_: operator("renorm_"), indexReduce_: operator("index_reduce_"), eq_: operator("eq_"),
  ne_: operator("ne_"), lt_: operator("lt_"), le_: operator("le_"),
  gt_: operator("gt_"), ge_: operator("ge_"), greater_: operator("greater_"),
  greaterEqual_: operator("greater_equal_"), less_: operator("less_"), lessEqual_: operator("less_equal_"),
  notEqual_: operator("not_equal_"), logicalAnd_: operator("logical_and_"), logicalOr_: operator("logical_or_"),
  logicalXor_: operator("logical_xor_"), logicalNot_: operator("logical_not_"), polygamma_: operator("polygamma_"),
});
