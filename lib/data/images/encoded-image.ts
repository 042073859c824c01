/** What every kind of source gives: images that are not decoded yet, wherever their bytes lie. */

/** One image as it lies in a file of its own, in a column of a table or in an archive. */
export interface EncodedImage {
  /** Where it lies, for messages: the file's path; for an image within another file, that file's path, "#" and the row or entry. */
  readonly path: string;
  /** Differs whenever the bytes may differ: the key of what is kept of the decoded image. The real path, size and time of change, say. */
  readonly identity: string;
  /**
   * Reads the bytes as they are stored.
   * @throws DgsamError `ERR_DATA`, with the path, when they cannot be read any more.
   */
  read(): Promise<Uint8Array>;
}

/** One image with what is known of it. */
export interface ImageRecord {
  readonly image: EncodedImage;
  /** Index into the classes of its data set. */
  readonly label: number;
  /** The part of the data that a manifest puts it in, say "train" or "test". */
  readonly split?: string;
  /** Where its source says so, where that is not at the image itself: a line of a manifest, say. */
  readonly where?: string;
}

/** A data set of images before any is decoded: named domains over one class list. */
export interface ImageCollection {
  readonly name: string;
  /** Class names, the union over the domains; a label is an index into it. Sorted, except where the source numbers them itself. */
  readonly classes: readonly string[];
  readonly domains: readonly { readonly name: string; readonly records: readonly ImageRecord[] }[];
}
