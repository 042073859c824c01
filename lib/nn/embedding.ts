/** The table of embeddings. */

import { checkBoolean, checkInteger, checkNumber, withDefaults } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { noGrad, ops, scope, type Tensor } from "../tensor/index.js";
import { normal_ } from "./init.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const embedding = ops.aten["embedding.default"];
const renormalize = ops.aten["embedding_renorm_.default"];

export interface EmbeddingOptions extends Placement {
  /** The row that starts as zeros and gets no gradient; a negative one counts from the end. Default null: none. */
  paddingIdx?: number | null;
  /**
   * Rows that are looked up and have a larger norm are first scaled down to it, in the weight itself, as in PyTorch: also
   * in evaluation, and in each pass of SAM and DGSAM. Default null: no limit.
   */
  maxNorm?: number | null;
  /** The p of the norm that `maxNorm` limits. Default 2. */
  normType?: number;
  /** Whether a row's gradient is divided by how often the minibatch looks it up. Default false. */
  scaleGradByFreq?: boolean;
  /** Whether the weight's gradient is sparse (layout `"sparse_coo"`); the optimizers here refuse such gradients. Default false. */
  sparse?: boolean;
}

const DEFAULTS: Required<EmbeddingOptions> = {
  paddingIdx: null, maxNorm: null, normType: 2, scaleGradByFreq: false, sparse: false, dtype: "float32", device: "cpu",
};

/** Rows of a table by index, as torch.nn.Embedding. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  /** At least 0. */
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkInteger("Embedding: numEmbeddings", numEmbeddings, 0);
    checkInteger("Embedding: embeddingDim", embeddingDim, 0);
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, ...placement } = withDefaults("Embedding", options, DEFAULTS);
    if (paddingIdx !== null && !(Number.isSafeInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings))
      throw argumentError("Embedding: paddingIdx", `null or an integer from ${-numEmbeddings} to ${numEmbeddings - 1}`, paddingIdx);
    if (maxNorm !== null) checkNumber("Embedding: maxNorm", maxNorm, 0);
    checkNumber("Embedding: normType", normType, 0);
    checkBoolean("Embedding: scaleGradByFreq", scaleGradByFreq);
    checkBoolean("Embedding: sparse", sparse);
    if (sparse && scaleGradByFreq) throw new DgsamError("ERR_ARGUMENT", "Embedding: scaleGradByFreq: sparse gradients cannot be scaled; leave one of scaleGradByFreq and sparse out");
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
    this.maxNorm = maxNorm;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    this.weight = makeParameter([numEmbeddings, embeddingDim], placement, (tensor) => {
      normal_(tensor);
      if (this.paddingIdx !== null) zeroRow(tensor, this.paddingIdx);
    });
  }

  /**
   * Indices [...], int64 or int32, -> [..., embeddingDim]
   *
   * @throws DgsamError `ERR_ARGUMENT` when an index is out of range; `ERR_DTYPE`
   */
  forward(indices: Tensor): Tensor {
    const { weight, maxNorm, normType } = this;
    if (maxNorm !== null) noGrad(() => void renormalize(weight, indices, maxNorm, normType));
    // LibTorch's -1 is "no padding".
    return embedding(weight, indices, this.paddingIdx ?? -1, this.scaleGradByFreq, this.sparse);
  }
}

function zeroRow(table: Tensor, row: number): void {
  noGrad(() => scope(() => void ops.aten["zero_.default"](ops.aten["select.int"](table, 0, row))));
}
