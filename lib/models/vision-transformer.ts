/** The vision transformer (Dosovitskiy et al., arXiv 2010.11929) as torchvision has it. */

import { checkInteger, checkNumber, withDefaults } from "../checks.js";
import { DgsamError } from "../errors.js";
import { Conv2d, Dropout, GELU, init, LayerNorm, Linear, Module, MultiheadAttention, Parameter, Sequential, type Layer, type Placement } from "../nn/index.js";
import { empty, ops, scope, zeros, type Tensor } from "../tensor/index.js";
import { Backbone, BACKBONE_DEFAULTS, checkNumClasses, type BackboneOptions } from "./backbone.js";

const add = ops.aten["add.Tensor"];
const cat = ops.aten["cat.default"];
const expand = ops.aten["expand.default"];
const flatten = ops.aten["flatten.using_ints"];
const select = ops.aten["select.int"];
const transpose = ops.aten["transpose.int"];

export interface VisionTransformerOptions extends BackboneOptions {
  /** Height and width of the images, a multiple of the patch size. Default 224. */
  imageSize?: number;
  /** Probability of dropout after the position embedding and in each block. Default 0. */
  dropout?: number;
  /** Probability that an attention weight is dropped. Default 0. */
  attentionDropout?: number;
}

export interface VisionTransformerSettings {
  patchSize: number;
  numLayers: number;
  numHeads: number;
  hiddenDim: number;
  mlpDim: number;
}

type Dropouts = Required<Pick<VisionTransformerOptions, "dropout" | "attentionDropout">>;

const EPS = 1e-6;

class EncoderBlock extends Module {
  ln_1: LayerNorm;
  selfAttention: MultiheadAttention;
  dropout: Dropout;
  ln_2: LayerNorm;
  mlp: Sequential;

  constructor({ numHeads, hiddenDim, mlpDim }: VisionTransformerSettings, { dropout, attentionDropout }: Dropouts, placement: Required<Placement>) {
    super();
    this.ln_1 = new LayerNorm(hiddenDim, { eps: EPS, ...placement });
    this.selfAttention = new MultiheadAttention(hiddenDim, numHeads, { dropout: attentionDropout, batchFirst: true, ...placement });
    this.dropout = new Dropout(dropout);
    this.ln_2 = new LayerNorm(hiddenDim, { eps: EPS, ...placement });
    const linears = [new Linear(hiddenDim, mlpDim, placement), new Linear(mlpDim, hiddenDim, placement)] as const;
    for (const { weight, bias } of linears) {
      init.xavierUniform_(weight);
      init.normal_(bias!, 0, 1e-6);
    }
    this.mlp = new Sequential(linears[0], new GELU(), new Dropout(dropout), linears[1], new Dropout(dropout));
  }

  forward(x: Tensor): Tensor {
    x = add(this.dropout.forward(this.selfAttention.forward(this.ln_1.forward(x))), x);
    return add(x, this.mlp.forward(this.ln_2.forward(x)));
  }
}

class Encoder extends Module {
  /** [1, places, hiddenDim] */
  posEmbedding: Parameter;
  dropout: Dropout;
  layers: Map<string, EncoderBlock>;
  ln: LayerNorm;

  constructor(places: number, settings: VisionTransformerSettings, dropouts: Dropouts, placement: Required<Placement>) {
    super();
    const { numLayers, hiddenDim } = settings;
    this.posEmbedding = scope(() => new Parameter(init.normal_(empty([1, places, hiddenDim], placement), 0, 0.02)));
    this.dropout = new Dropout(dropouts.dropout);
    this.layers = new Map(Array.from({ length: numLayers }, (_, i) => [`encoder_layer_${i}`, new EncoderBlock(settings, dropouts, placement)]));
    this.ln = new LayerNorm(hiddenDim, { eps: EPS, ...placement });
  }

  forward(x: Tensor): Tensor {
    x = this.dropout.forward(add(x, this.posEmbedding));
    for (const block of this.layers.values()) x = block.forward(x);
    return this.ln.forward(x);
  }
}

const DEFAULTS: Required<VisionTransformerOptions> = { imageSize: 224, dropout: 0, attentionDropout: 0, ...BACKBONE_DEFAULTS };

/** Keys and, made from one seed, numbers are those of torchvision.models.VisionTransformer. The last layer is zero at the start. */
export class VisionTransformer extends Backbone {
  readonly numFeatures: number;
  readonly imageSize: number;
  readonly patchSize: number;
  /** [1, 1, hiddenDim] */
  classToken: Parameter;
  convProj: Conv2d;
  encoder: Encoder;
  heads: { head: Layer };

  /** @throws DgsamError `ERR_ARGUMENT` */
  constructor(settings: VisionTransformerSettings, options: VisionTransformerOptions = {}) {
    super();
    const { numClasses, imageSize, dropout, attentionDropout, ...placement } = withDefaults("VisionTransformer", options, DEFAULTS);
    const { patchSize, hiddenDim } = settings;
    checkNumClasses("VisionTransformer", numClasses);
    checkInteger("VisionTransformer: imageSize", imageSize, 1);
    if (imageSize % patchSize !== 0) throw new DgsamError("ERR_ARGUMENT", `VisionTransformer: imageSize: expected a multiple of the patch size ${patchSize}, got ${imageSize}`);
    checkNumber("VisionTransformer: dropout", dropout, 0, 1);
    checkNumber("VisionTransformer: attentionDropout", attentionDropout, 0, 1);
    this.imageSize = imageSize;
    this.patchSize = patchSize;
    this.numFeatures = hiddenDim;
    this.convProj = new Conv2d(3, hiddenDim, patchSize, { stride: patchSize, ...placement });
    this.classToken = scope(() => new Parameter(zeros([1, 1, hiddenDim], placement)));
    this.encoder = new Encoder((imageSize / patchSize) ** 2 + 1, settings, { dropout, attentionDropout }, placement);
    const head = new Linear(hiddenDim, numClasses, placement);
    init.truncNormal_(this.convProj.weight, 0, Math.sqrt(1 / (3 * patchSize * patchSize)));
    init.zeros_(this.convProj.bias!);
    init.zeros_(head.weight);
    init.zeros_(head.bias!);
    this.heads = { head };
  }

  get head(): Layer {
    return this.heads.head;
  }
  set head(layer: Layer) {
    this.heads.head = layer;
  }

  /**
   * x [N, 3, imageSize, imageSize] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, also for images of another size than the position embedding is for; `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    const { imageSize } = this;
    if (x.shape.length !== 4 || x.shape[2] !== imageSize || x.shape[3] !== imageSize)
      throw new DgsamError("ERR_SHAPE", `VisionTransformer: expected images of shape [N, 3, ${imageSize}, ${imageSize}], got [${x.shape.join(", ")}]; resize them, or make the network with the option imageSize`);
    // [N, hiddenDim, rows, columns] -> [N, rows * columns, hiddenDim]
    const patches = transpose(flatten(this.convProj.forward(x), 2), 1, 2);
    const tokens = cat([expand(this.classToken, [x.shape[0]!, -1, -1]), patches], 1);
    return this.heads.head.forward(select(this.encoder.forward(tokens), 1, 0));
  }
}

/** @throws DgsamError `ERR_ARGUMENT` */
export const vitB16 = (options?: VisionTransformerOptions): VisionTransformer =>
  new VisionTransformer({ patchSize: 16, numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 }, options);
