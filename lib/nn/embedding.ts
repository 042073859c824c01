/** The table of embeddings. */

import { argumentError } from "../errors.js";
import { noGrad, ops, scope, type Tensor } from "../tensor/index.js";
import { checkSize, withDefaults } from "./checks.js";
import { normal_ } from "./init.js";
import { Module } from "./module.js";
import { makeParameter, type Parameter, type Placement } from "./parameter.js";

const embedding = ops.aten["embedding.default"];

export interface EmbeddingOptions extends Placement {
  /** The row that starts as zeros and gets no gradient; a negative one counts from the end. Default null: none. */
  paddingIdx?: number | null;
}

/** Rows of a table by index, as torch.nn.Embedding. */
export class Embedding extends Module {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  /** At least 0. */
  readonly paddingIdx: number | null;
  /** [numEmbeddings, embeddingDim] */
  weight: Parameter;

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super();
    checkSize("Embedding: numEmbeddings", numEmbeddings);
    checkSize("Embedding: embeddingDim", embeddingDim);
    const { paddingIdx, ...placement } = withDefaults<Required<EmbeddingOptions>>("Embedding", options, { paddingIdx: null, dtype: "float32", device: "cpu" });
    if (paddingIdx !== null && !(Number.isSafeInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings))
      throw argumentError("Embedding: paddingIdx", `null or an integer from ${-numEmbeddings} to ${numEmbeddings - 1}`, paddingIdx);
    this.numEmbeddings = numEmbeddings;
    this.embeddingDim = embeddingDim;
    this.paddingIdx = paddingIdx !== null && paddingIdx < 0 ? paddingIdx + numEmbeddings : paddingIdx;
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
    // LibTorch's -1 is "no padding".
    return embedding(this.weight, indices, this.paddingIdx ?? -1);
  }
}

function zeroRow(table: Tensor, row: number): void {
  noGrad(() => scope(() => void ops.aten["zero_.default"](ops.aten["select.int"](table, 0, row))));
}
