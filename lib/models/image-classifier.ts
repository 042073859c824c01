/**
 * A network for fine-tuning as DomainBed has it: features of a backbone, dropout, a linear classifier, and batch
 * normalisation that is frozen (Gulrajani and Lopez-Paz, arXiv 2007.01434; facebookresearch/DomainBed, domainbed/networks.py).
 */

import { checkBoolean, checkInteger, checkNumber, withDefaults } from "../checks.js";
import { argumentError } from "../errors.js";
import { BatchNorm, Dropout, Identity, Linear, Module } from "../nn/index.js";
import type { Tensor } from "../tensor/index.js";
import { Backbone } from "./backbone.js";

export interface FeaturizerOptions {
  /** Probability that a feature is dropped in training, beside what the backbone drops. Default 0. */
  dropout?: number;
  /**
   * Whether the backbone's batch normalisation is frozen: it normalises by its running statistics and leaves them alone, in
   * training too; scales and shifts are still trained. Default true. See {@link BatchNorm.frozen}.
   */
  frozen?: boolean;
}

export interface ImageClassifierOptions extends FeaturizerOptions {
  /** How many logits come out. */
  numClasses: number;
}

/** A backbone without its last layer, and dropout. Keys are DomainBed's, `network.` and the backbone's own. */
export class Featurizer extends Module {
  readonly numFeatures: number;
  network: Backbone;
  dropout: Dropout;

  /**
   * @param backbone is taken over: its last layer becomes an Identity
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(backbone: Backbone, options: FeaturizerOptions = {}) {
    super();
    if (!(backbone instanceof Backbone)) throw argumentError("Featurizer: backbone", "a network such as makeModel(\"resnet18\")", backbone);
    const { dropout, frozen } = withDefaults<Required<FeaturizerOptions>>("Featurizer", options, { dropout: 0, frozen: true });
    checkNumber("Featurizer: dropout", dropout, 0, 1);
    checkBoolean("Featurizer: frozen", frozen);
    backbone.head = new Identity();
    if (frozen) for (const module of backbone.modules()) if (module instanceof BatchNorm) module.freeze();
    this.numFeatures = backbone.numFeatures;
    this.network = backbone;
    this.dropout = new Dropout(dropout);
  }

  /** x [N, C, H, W] -> features [N, numFeatures] */
  forward(x: Tensor): Tensor {
    return this.dropout.forward(this.network.forward(x));
  }
}

/**
 * Featurizer and linear classifier. Keys are those that DomainBed's algorithms have: `featurizer.network.conv1.weight`, ...,
 * `classifier.weight`, `classifier.bias`. Its checkpoints hold the same tensors once more as `network.0.` and `network.1.`:
 *
 *     loadWeightsInto(model, "model.pkl", { entry: "model_dict", rename: { "network.": null } });
 *
 * Weights of the backbone alone are best loaded before it is handed over; or with `{ rename: { "": "featurizer.network." }, strict: false }`.
 */
export class ImageClassifier extends Module {
  featurizer: Featurizer;
  classifier: Linear;

  /**
   * @param backbone is taken over: its last layer becomes an Identity. The classifier is made where its parameters are
   * @throws DgsamError `ERR_ARGUMENT`
   */
  constructor(backbone: Backbone, options: ImageClassifierOptions) {
    super();
    const defaults = { numClasses: undefined as unknown as number, dropout: 0, frozen: true };
    const { numClasses, ...rest } = withDefaults<Required<ImageClassifierOptions>>("ImageClassifier", options, defaults);
    checkInteger("ImageClassifier: numClasses", numClasses, 1);
    this.featurizer = new Featurizer(backbone, rest);
    const { dtype, device } = backbone.parameters()[0]!;
    this.classifier = new Linear(backbone.numFeatures, numClasses, { dtype, device });
  }

  /**
   * x [N, C, H, W] -> logits [N, numClasses]
   *
   * @throws DgsamError `ERR_SHAPE`, `ERR_DTYPE`
   */
  forward(x: Tensor): Tensor {
    return this.classifier.forward(this.featurizer.forward(x));
  }
}
