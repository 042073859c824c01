/**
 * Products and matrix functions. Batched forms take matrices in the last two dimensions; more is in
 * `ops.aten.linalg_*`.
 *
 * Errors: `ERR_ARGUMENT` for an argument of the wrong kind, `ERR_SHAPE` where sizes do not fit, `ERR_DTYPE` where
 * dtypes differ.
 */

import type { DType } from "../dtype.js";
import type { ScalarLike } from "../scalars.js";
import type { Tensor } from "../tensor.js";
import { addMethods, operator } from "./define.js";
import type { Real, Summed } from "./types.js";

declare module "../tensor.js" {
  interface Tensor<D extends DType> {
    /**
     * The matrix product: of vectors the dot product, of `[..., n, k]` and `[..., k, m]` the batched one with broadcast
     * batches. The dtypes must agree.
     * @see torch.Tensor.matmul
     */
    matmul(other: Tensor): Tensor<D>;
    /**
     * The product of two matrices, `[n, k]` and `[k, m]`.
     * @see torch.Tensor.mm
     */
    mm(mat2: Tensor): Tensor<D>;
    /**
     * The products of two batches of matrices, `[b, n, k]` and `[b, k, m]`.
     * @see torch.Tensor.bmm
     */
    bmm(mat2: Tensor): Tensor<D>;
    /**
     * The product of a matrix `[n, k]` and a vector `[k]`.
     * @see torch.Tensor.mv
     */
    mv(vec: Tensor): Tensor<D>;
    /**
     * The dot product of two vectors of one length.
     * @see torch.Tensor.dot
     */
    dot(tensor: Tensor): Tensor<D>;
    /**
     * The dot product of two vectors, this one conjugated.
     * @see torch.Tensor.vdot
     */
    vdot(other: Tensor): Tensor<D>;
    /**
     * Sums of products along the last dimensions, which must agree.
     * @see torch.Tensor.inner
     */
    inner(other: Tensor): Tensor<D>;
    /**
     * All products of the elements of two vectors: `[n]` and `[m]` give `[n, m]`.
     * @see torch.Tensor.outer
     */
    outer(vec2: Tensor): Tensor<D>;
    /**
     * `beta * this + alpha * (mat1 @ mat2)`; both factors 1 by default, this is broadcast.
     * @see torch.Tensor.addmm
     */
    addmm(mat1: Tensor, mat2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): Tensor<D>;
    /**
     * `beta * this + alpha * (mat @ vec)`; both factors 1 by default.
     * @see torch.Tensor.addmv
     */
    addmv(mat: Tensor, vec: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): Tensor<D>;
    /**
     * `beta * this + alpha * outer(vec1, vec2)`; both factors 1 by default.
     * @see torch.Tensor.addr
     */
    addr(vec1: Tensor, vec2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): Tensor<D>;
    /**
     * `beta * this + alpha * (batch1 @ batch2)`, batched; both factors 1 by default.
     * @see torch.Tensor.baddbmm
     */
    baddbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): Tensor<D>;
    /**
     * `beta * this + alpha * sum of (batch1 @ batch2)` over the batch; both factors 1 by default.
     * @see torch.Tensor.addbmm
     */
    addbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }): Tensor<D>;
    /**
     * The Kronecker product.
     * @see torch.Tensor.kron
     */
    kron(other: Tensor): Tensor<D>;
    /**
     * The cross product along a dimension of size 3 (default the first such).
     * @see torch.Tensor.cross
     */
    cross(other: Tensor, dim?: number | null): Tensor<D>;
    cross(other: Tensor, options: { dim?: number | null }): Tensor<D>;
    /**
     * The sum of a matrix's diagonal.
     * @see torch.Tensor.trace
     */
    trace(): Tensor<Summed<D>>;
    /**
     * The determinant of square matrices `[..., n, n]`.
     * @see torch.Tensor.det
     */
    det(): Tensor<D>;
    /**
     * The logarithm of the determinant: NaN where that is negative.
     * @see torch.Tensor.logdet
     */
    logdet(): Tensor<D>;
    /**
     * The sign of the determinant and the logarithm of its magnitude.
     * @see torch.Tensor.slogdet
     */
    slogdet(): [sign: Tensor<D>, logabsdet: Tensor<Real<D>>];
    /**
     * The singular value decomposition of matrices `[..., n, m]`: this is `U * diag(S) * V.mH`. `some` false gives all columns
     * of U and V, `computeUv` false the singular values only.
     * @see torch.Tensor.svd
     */
    svd(some?: boolean, computeUv?: boolean): [U: Tensor<D>, S: Tensor<Real<D>>, V: Tensor<D>];
    svd(options: { some?: boolean; computeUv?: boolean }): [U: Tensor<D>, S: Tensor<Real<D>>, V: Tensor<D>];
    /**
     * Matrices as an orthogonal and an upper triangular one; `some` false gives all columns of Q.
     * @see torch.Tensor.qr
     */
    qr(some?: boolean): [Q: Tensor<D>, R: Tensor<D>];
    qr(options: { some?: boolean }): [Q: Tensor<D>, R: Tensor<D>];
    /**
     * The inverse of square matrices `[..., n, n]`. `ERR_NATIVE` when one is singular.
     * @see torch.Tensor.inverse
     */
    inverse(): Tensor<D>;
    /**
     * The Moore-Penrose inverse of matrices `[..., n, m]`.
     * @see torch.Tensor.pinverse
     */
    pinverse(rcond?: number): Tensor<D>;
    pinverse(options: { rcond?: number }): Tensor<D>;
    /**
     * The Cholesky factor of positive-definite matrices, lower by default. `ERR_NATIVE` when one is not.
     * @see torch.Tensor.cholesky
     */
    cholesky(upper?: boolean): Tensor<D>;
    cholesky(options: { upper?: boolean }): Tensor<D>;
    /**
     * Square matrices to an integer power; a negative one inverts.
     * @see torch.Tensor.matrix_power
     */
    matrixPower(n: number): Tensor<D>;
    /**
     * The matrix exponential of square matrices.
     * @see torch.Tensor.matrix_exp
     */
    matrixExp(): Tensor<D>;
    /**
     * The covariances of the rows of `[variables, observations]`.
     * @see torch.Tensor.cov
     */
    cov(options?: { correction?: number; fweights?: Tensor | null; aweights?: Tensor | null }): Tensor<D>;
    /**
     * The correlations of the rows of `[variables, observations]`.
     * @see torch.Tensor.corrcoef
     */
    corrcoef(): Tensor<D>;
  }
}

/** {@link Tensor.matmul} as a function. */
export const matmul: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("matmul");
/** {@link Tensor.mm} as a function. */
export const mm: <D extends DType>(input: Tensor<D>, mat2: Tensor) => Tensor<D> = operator("mm");
/** {@link Tensor.bmm} as a function. */
export const bmm: <D extends DType>(input: Tensor<D>, mat2: Tensor) => Tensor<D> = operator("bmm");
/** {@link Tensor.mv} as a function. */
export const mv: <D extends DType>(input: Tensor<D>, vec: Tensor) => Tensor<D> = operator("mv");
/** {@link Tensor.dot} as a function. */
export const dot: <D extends DType>(input: Tensor<D>, tensor: Tensor) => Tensor<D> = operator("dot");
/** {@link Tensor.vdot} as a function. */
export const vdot: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("vdot");
/** {@link Tensor.inner} as a function. */
export const inner: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("inner");
/** {@link Tensor.outer} as a function. */
export const outer: <D extends DType>(input: Tensor<D>, vec2: Tensor) => Tensor<D> = operator("outer");
/** {@link Tensor.addmm} as a function. */
export const addmm: <D extends DType>(input: Tensor<D>, mat1: Tensor, mat2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }) => Tensor<D> =
  operator("addmm");
/** {@link Tensor.addmv} as a function. */
export const addmv: <D extends DType>(input: Tensor<D>, mat: Tensor, vec: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }) => Tensor<D> =
  operator("addmv");
/** {@link Tensor.addr} as a function. */
export const addr: <D extends DType>(input: Tensor<D>, vec1: Tensor, vec2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }) => Tensor<D> =
  operator("addr");
/** {@link Tensor.baddbmm} as a function. */
export const baddbmm: <D extends DType>(input: Tensor<D>, batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }) => Tensor<D> =
  operator("baddbmm");
/** {@link Tensor.addbmm} as a function. */
export const addbmm: <D extends DType>(input: Tensor<D>, batch1: Tensor, batch2: Tensor, options?: { beta?: ScalarLike; alpha?: ScalarLike }) => Tensor<D> =
  operator("addbmm");
/** {@link Tensor.kron} as a function. */
export const kron: <D extends DType>(input: Tensor<D>, other: Tensor) => Tensor<D> = operator("kron");
/** {@link Tensor.cross} as a function. */
export const cross: {
  <D extends DType>(input: Tensor<D>, other: Tensor, dim?: number | null): Tensor<D>;
  <D extends DType>(input: Tensor<D>, other: Tensor, options: { dim?: number | null }): Tensor<D>;
} = operator("cross");
/** {@link Tensor.trace} as a function. */
export const trace: <D extends DType>(input: Tensor<D>) => Tensor<Summed<D>> = operator("trace");
/** {@link Tensor.det} as a function. */
export const det: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("det");
/** {@link Tensor.logdet} as a function. */
export const logdet: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("logdet");
/** {@link Tensor.slogdet} as a function. */
export const slogdet: <D extends DType>(input: Tensor<D>) => [sign: Tensor<D>, logabsdet: Tensor<Real<D>>] = operator("slogdet");
/** {@link Tensor.svd} as a function. */
export const svd: {
  <D extends DType>(input: Tensor<D>, some?: boolean, computeUv?: boolean): [U: Tensor<D>, S: Tensor<Real<D>>, V: Tensor<D>];
  <D extends DType>(input: Tensor<D>, options: { some?: boolean; computeUv?: boolean }): [U: Tensor<D>, S: Tensor<Real<D>>, V: Tensor<D>];
} = operator("svd");
/** {@link Tensor.qr} as a function. */
export const qr: {
  <D extends DType>(input: Tensor<D>, some?: boolean): [Q: Tensor<D>, R: Tensor<D>];
  <D extends DType>(input: Tensor<D>, options: { some?: boolean }): [Q: Tensor<D>, R: Tensor<D>];
} = operator("qr");
/** {@link Tensor.inverse} as a function. */
export const inverse: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("inverse");
/** {@link Tensor.pinverse} as a function. */
export const pinverse: {
  <D extends DType>(input: Tensor<D>, rcond?: number): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { rcond?: number }): Tensor<D>;
} = operator("pinverse");
/** {@link Tensor.cholesky} as a function. */
export const cholesky: {
  <D extends DType>(input: Tensor<D>, upper?: boolean): Tensor<D>;
  <D extends DType>(input: Tensor<D>, options: { upper?: boolean }): Tensor<D>;
} = operator("cholesky");
/** {@link Tensor.matrixPower} as a function. */
export const matrixPower: <D extends DType>(input: Tensor<D>, n: number) => Tensor<D> = operator("matrix_power");
/** {@link Tensor.matrixExp} as a function. */
export const matrixExp: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("matrix_exp");
/** {@link Tensor.cov} as a function. */
export const cov: <D extends DType>(input: Tensor<D>, options?: { correction?: number; fweights?: Tensor | null; aweights?: Tensor | null }) => Tensor<D> =
  operator("cov");
/** {@link Tensor.corrcoef} as a function. */
export const corrcoef: <D extends DType>(input: Tensor<D>) => Tensor<D> = operator("corrcoef");

addMethods({
  matmul, mm, bmm, mv, dot, vdot, inner, outer, addmm, addmv, addr, baddbmm, addbmm, kron, cross, trace, det, logdet, slogdet, svd, qr,
  inverse, pinverse, cholesky, matrixPower, matrixExp, cov, corrcoef,
});
