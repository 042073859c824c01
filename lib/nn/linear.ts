/** Fully connected layers, embeddings, and layers that only reshape. */

import { empty, ops, type Tensor } from "../tensor/index.js";
import { checkSize } from "./checks.js";
import { calculateFans, kaimingUniform_, normal_, uniform_ } from "./init.js";
import { Module, Parameter } from "./module.js";

export interface LinearOptions {
  /** Default true. */
  bias?: boolean;
}

/** y = x W^T + b; x [..., inFeatures] -> [..., outFeatures], as torch.nn.Linear. */
export class Linear extends Module {
  weight: Tensor;
  bias: Tensor | null;

  constructor(readonly inFeatures: number, readonly outFeatures: number, { bias = true }: LinearOptions = {}) {
    super();
    checkSize("Linear: inFeatures", inFeatures);
    checkSize("Linear: outFeatures", outFeatures);
    this.weight = new Parameter(kaimingUniform_(empty([outFeatures, inFeatures]), { a: Math.sqrt(5) }));
    this.bias = bias ? new Parameter(fanInUniform(empty([outFeatures]), this.weight)) : null;
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["linear.default"](x, this.weight, this.bias);
  }
}

/** PyTorch's initialisation of a bias: uniform within 1/sqrt(fanIn) of its weight. */
export function fanInUniform(bias: Tensor, weight: Tensor): Tensor {
  const bound = 1 / Math.sqrt(calculateFans(weight)[0]);
  return uniform_(bias, -bound, bound);
}

export interface EmbeddingOptions {
  /** The row that stays zero and gets no gradient. */
  paddingIdx?: number;
}

/** Rows of a table by int64 index; x [...] -> [..., embeddingDim], as torch.nn.Embedding. */
export class Embedding extends Module {
  weight: Tensor;
  readonly paddingIdx: number;

  constructor(readonly numEmbeddings: number, readonly embeddingDim: number, { paddingIdx }: EmbeddingOptions = {}) {
    super();
    checkSize("Embedding: numEmbeddings", numEmbeddings);
    checkSize("Embedding: embeddingDim", embeddingDim);
    if (paddingIdx !== undefined) checkSize("Embedding: paddingIdx", paddingIdx, 0);
    this.paddingIdx = paddingIdx ?? -1;
    const weight = normal_(empty([numEmbeddings, embeddingDim]));
    if (paddingIdx !== undefined) ops.aten["zero_.default"](ops.aten["select.int"](weight, 0, paddingIdx));
    this.weight = new Parameter(weight);
  }

  override forward(indices: Tensor): Tensor {
    return ops.aten["embedding.default"](this.weight, indices, this.paddingIdx);
  }
}

/** Joins the dimensions from `startDim` to `endDim` into one; by default all but the first. */
export class Flatten extends Module {
  constructor(readonly startDim = 1, readonly endDim = -1) {
    super();
  }

  override forward(x: Tensor): Tensor {
    return ops.aten["flatten.using_ints"](x, this.startDim, this.endDim);
  }
}

/** Gives back its input. */
export class Identity extends Module {
  override forward(x: Tensor): Tensor {
    return x;
  }
}
