/** From decoded images to a network's input: chosen, augmented where it is to train on, normalised, laid out. */

import { argumentError, DgsamError } from "../../errors.js";
import { noGrad, ops, scope, tensor, toDevice, type Generator, type Tensor } from "../../tensor/index.js";
import { inBackground, kernelsServe } from "../../tensor/internal.js";
import { dataWarning } from "../../warnings.js";
import { trainingImagesArguments } from "./augment/domainbed.js";
import type { DecodedStore } from "./decoded-store.js";
import type { ImageSettings } from "./image-options.js";

/** Images that a batch is made of. */
export type Found = ReturnType<DecodedStore["find"]>;

type Augment = NonNullable<ImageSettings["augment"]>;

export class ImageInput {
  readonly #domain: string;
  readonly #settings: ImageSettings;
  /** Whether the range of what `augment` gives was looked at. */
  #rangeSeen = false;

  /** @param domain its name */
  constructor(domain: string, settings: ImageSettings) {
    this.#domain = domain;
    this.#settings = settings;
  }

  /** Whether a batch can be made beside this thread. */
  goesAside(generator: Generator | undefined): generator is Generator {
    return generator !== undefined && this.#isFused;
  }

  /** Input of the found images, float32 [N, 3, imageSize, imageSize]; with a generator, to train on. Those that are its own are freed. */
  make(source: Found, generator: Generator | undefined): Tensor<"float32"> {
    try {
      return noGrad(() => scope(() => this.#toInput(source, generator) as Tensor<"float32">));
    } finally {
      if (source.isOwn) source.images.dispose();
    }
  }

  /** The same, made beside this thread. */
  async makeAside(source: Found, generator: Generator): Promise<Tensor<"float32">> {
    const x = (await (this.#settings.device === "cpu" ? this.#makeInBackground(source, generator) : this.#makeThere(source, generator))) as Tensor<"float32">;
    let laidOut: Tensor<"float32"> | undefined;
    try {
      return (laidOut = noGrad(() => scope(() => this.#laidOut(x) as Tensor<"float32">)));
    } finally {
      if (laidOut !== x) x.dispose();
    }
  }

  async #makeInBackground(source: Found, generator: Generator): Promise<Tensor> {
    let making;
    try {
      making = inBackground(ops.dgsam.training_images, this.#trainingArguments(source, generator));
    } finally {
      if (source.isOwn) source.images.dispose();
    }
    return await making;
  }

  /** On the device: only bytes go there, which are gathered beside this thread. */
  async #makeThere({ images, places, isOwn }: Found, generator: Generator): Promise<Tensor> {
    const indices = tensor(BigInt64Array.from(places, BigInt));
    const gathering = isOwn ? images : inBackground(ops.aten["index_select.default"], [images, 0, indices]);
    indices.dispose();
    const bytes = await gathering;
    try {
      return noGrad(() => scope(() => {
        const there = { images: toDevice(bytes, this.#settings.device), places: places.map((_, i) => i) };
        return ops.dgsam.training_images(...this.#trainingArguments(there, generator));
      }));
    } finally {
      bytes.dispose();
    }
  }

  /** Whether one operator makes a batch to train on. */
  get #isFused(): boolean {
    const { augmentsAsDomainbed, device } = this.#settings;
    return augmentsAsDomainbed && (device === "cpu" || kernelsServe(device));
  }

  #trainingArguments({ images, places }: Pick<Found, "images" | "places">, generator: Generator) {
    const { imageSize, cropsOriginals, normalize } = this.#settings;
    return trainingImagesArguments(images, places, { imageSize, crop: !cropsOriginals, ...(normalize ?? { mean: [0, 0, 0], std: [1, 1, 1] }) }, generator);
  }

  #toInput(source: Found, generator: Generator | undefined): Tensor {
    const { augment, normalize, device } = this.#settings;
    if (generator !== undefined && this.#isFused && device === "cpu") return this.#laidOut(ops.dgsam.training_images(...this.#trainingArguments(source, generator)));
    const gathered = source.isOwn ? source.images : ops.aten["index_select.default"](source.images, 0, tensor(BigInt64Array.from(source.places, BigInt)));
    const images = toDevice(gathered, device);
    if (generator !== undefined && this.#isFused) {
      return this.#laidOut(ops.dgsam.training_images(...this.#trainingArguments({ images, places: source.places.map((_, i) => i) }, generator)));
    }
    let x = generator === undefined || augment === undefined ? this.#toImageSize(images) : this.#augmented(augment, images, generator);
    if (normalize !== null) {
      const byChannel = (values: readonly number[]): Tensor => toDevice(tensor(Float32Array.from(values), { shape: [1, 3, 1, 1] }), device);
      // Two steps, as torchvision's; the first makes a new tensor, since a transform may have given what it keeps.
      x = ops.aten["div_.Tensor"](ops.aten["sub.Tensor"](x, byChannel(normalize.mean)), byChannel(normalize.std));
    }
    return this.#laidOut(x);
  }

  #laidOut(x: Tensor): Tensor {
    return this.#settings.channelsLast ? ops.aten["contiguous.default"](x, { memory_format: "channels_last" }) : ops.aten["contiguous.default"](x);
  }

  /** float32 in [0, 1], resized where the cache holds another size. */
  #toImageSize(images: Tensor): Tensor {
    const { imageSize, cacheSize } = this.#settings;
    // byte / 255 in float32 is what torchvision's ToTensor gives.
    const x = ops.aten["div.Scalar"](images, 255);
    if (images.shape[0] === 0 || images.shape[2] === imageSize || cacheSize === imageSize) return x;
    return ops.aten["_upsample_bilinear2d_aa.default"](x, [imageSize, imageSize], false);
  }

  #augmented(augment: Augment, images: Tensor, generator: Generator): Tensor {
    const { imageSize } = this.#settings;
    const x: unknown = augment(images, generator);
    const { shape, dtype } = Object(x) as Tensor;
    if (!Array.isArray(shape)) throw argumentError("imageDataset: augment: what it returns", "a Tensor of images", x);
    if (dtype !== "float32") throw new DgsamError("ERR_DTYPE", `imageDataset: augment must return float32 images in [0, 1], got ${dtype}`);
    if (shape.join() !== [images.shape[0], 3, imageSize, imageSize].join()) {
      throw new DgsamError("ERR_SHAPE", `imageDataset: augment must return images of the image size, [${images.shape[0]}, 3, ${imageSize}, ${imageSize}], got [${shape.join(", ")}]`);
    }
    this.#checkRange(x as Tensor);
    return x as Tensor;
  }

  /** Warns of images that are normalised already, or were not divided by 255. Noise may well leave [0, 1] a little. */
  #checkRange(x: Tensor): void {
    if (this.#rangeSeen || this.#settings.normalize === null || x.shape[0] === 0) return;
    this.#rangeSeen = true;
    const [least, most] = [ops.aten["min.default"](x), ops.aten["max.default"](x)].map((each) => Number(each.item())) as [number, number];
    if (least >= -0.5 && most <= 1.5) return;
    dataWarning(`domain ${JSON.stringify(this.#domain)}: augment gave images from ${least.toPrecision(3)} to ${most.toPrecision(3)} where [0, 1] is expected, since they are ` +
      "normalised afterwards: leave that out of augment, or pass normalize: false");
  }
}
