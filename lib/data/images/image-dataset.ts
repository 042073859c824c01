/** Placeholder until the decoding room's own. */

import type { DomainDataset } from "../dataset.js";
import type { ImageCollection } from "./encoded-image.js";

export type ImageOptions = object;

export type ImageDataset = DomainDataset;

export function imageDataset(collection: ImageCollection, _options: ImageOptions = {}): ImageDataset {
  return { name: collection.name, classes: collection.classes, inputShape: [3, 224, 224], domains: collection.domains as unknown as ImageDataset["domains"] };
}
