/** Attention of several heads (arXiv 1706.03762). */

import { checkBoolean, checkInteger, checkNumber, withDefaults } from "../checks.js";
import { DgsamError } from "../errors.js";
import { ops, type Tensor } from "../tensor/index.js";
import { checkTensor } from "./checks.js";
import { xavierUniform_, zeros_ } from "./init.js";
import { Linear } from "./linear.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const linear = ops.aten["linear.default"];
const attend = ops.aten["scaled_dot_product_attention.default"];
const split = ops.aten["chunk.default"];
const transpose = ops.aten["transpose.int"];
const permute = ops.aten["permute.default"];
const reshape = ops.aten["reshape.default"];

export interface MultiheadAttentionOptions extends Placement {
  /** Probability that an attention weight is dropped in training. Default 0. */
  dropout?: number;
  /** Whether the projections add learned biases. Default true. */
  bias?: boolean;
  /** Whether inputs are [N, L, E] instead of [L, N, E]. Default false, as in PyTorch. */
  batchFirst?: boolean;
}

const DEFAULTS: Required<MultiheadAttentionOptions> = { dropout: 0, bias: true, batchFirst: false, dtype: "float32", device: "cpu" };

/**
 * concat(head_1, ..., head_h) W_O with head_i = softmax(Q_i K_i^T / sqrt(d)) V_i and d = embedDim / numHeads, as
 * torch.nn.MultiheadAttention with `need_weights=False`: it gives the output alone, not the weights.
 */
export class MultiheadAttention extends Module {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  /** The projections of queries, keys and values, one below the other: [3 embedDim, embedDim] */
  inProjWeight: Parameter;
  /** [3 embedDim] */
  inProjBias: Parameter | null;
  outProj: Linear;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    checkInteger("MultiheadAttention: embedDim", embedDim, 1);
    checkInteger("MultiheadAttention: numHeads", numHeads, 1);
    if (embedDim % numHeads !== 0) throw new DgsamError("ERR_ARGUMENT", `MultiheadAttention: embedDim: expected a multiple of numHeads ${numHeads}, got ${embedDim}`);
    const { dropout, bias, batchFirst, ...placement } = withDefaults("MultiheadAttention", options, DEFAULTS);
    checkNumber("MultiheadAttention: dropout", dropout, 0, 1);
    checkBoolean("MultiheadAttention: bias", bias);
    checkBoolean("MultiheadAttention: batchFirst", batchFirst);
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    // PyTorch draws the output's projection first.
    const outProj = new Linear(embedDim, embedDim, { bias, ...placement });
    this.inProjWeight = makeParameter([3 * embedDim, embedDim], placement, xavierUniform_);
    this.inProjBias = bias ? makeParameter([3 * embedDim], placement, zeros_) : null;
    if (outProj.bias !== null) zeros_(outProj.bias);
    this.outProj = outProj;
  }

  /**
   * query [N, L, embedDim], key and value [N, S, embedDim] -> [N, L, embedDim]; [L, N, embedDim] and so on unless
   * {@link batchFirst}. Without a key it attends to the query itself, without a value to the key.
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(query: Tensor, key: Tensor = query, value: Tensor = key): Tensor {
    this.#check("query", query);
    this.#check("key", key);
    this.#check("value", value);
    const [q, k, v] = this.#project(query, key, value).map((each) => this.#heads(each)) as [Tensor, Tensor, Tensor];
    const attended = attend(q, k, v, null, this.training ? this.dropout : 0);
    // [N, numHeads, L, d] -> [N, L, embedDim]
    const joined = reshape(transpose(attended, 1, 2), [q.shape[0]!, q.shape[2]!, this.embedDim]);
    return this.outProj.forward(this.batchFirst ? joined : transpose(joined, 0, 1));
  }

  #check(name: string, x: unknown): void {
    checkTensor(`MultiheadAttention.forward(${name})`, x);
    const { shape } = x;
    if (shape.length !== 3 || shape[2] !== this.embedDim)
      throw new DgsamError("ERR_SHAPE", `MultiheadAttention: ${name}: expected a shape of three sizes that ends with ${this.embedDim}, got [${shape.join(", ")}]`);
  }

  #project(query: Tensor, key: Tensor, value: Tensor): Tensor[] {
    const { inProjWeight, inProjBias } = this;
    if (query === key && key === value) return split(linear(query, inProjWeight, inProjBias), 3, -1);
    const weights = split(inProjWeight, 3);
    const biases = inProjBias === null ? [null, null, null] : split(inProjBias, 3);
    return [query, key, value].map((x, i) => linear(x, weights[i]!, biases[i]!));
  }

  /** -> [N, numHeads, L, embedDim / numHeads] */
  #heads(x: Tensor): Tensor {
    const [first, second] = x.shape as [number, number];
    const divided = reshape(x, [first, second, this.numHeads, this.embedDim / this.numHeads]);
    return permute(divided, this.batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3]);
  }
}
