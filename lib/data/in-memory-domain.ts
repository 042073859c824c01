/** A domain whose items lie in one block of memory. */
import { checkInteger, checkOptions, checkString } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";
import { ops, type Tensor, tensor } from "../tensor/index.js";
import { checkItem, checkList } from "./checks.js";
import type { Batch, Domain, Item } from "./dataset.js";

export interface InMemoryDomainOptions {
  name: string;
  /**
   * All items one after another, [length, ...shape]: a Uint8Array of pixels, which a batch scales to [0, 1], or a
   * Float32Array, which it takes as it is. Kept, not copied.
   */
  x: Uint8Array | Float32Array;
  /** The class index of each item, [length]. */
  labels: ArrayLike<number>;
  /** The shape of one item, for images [C, H, W]. */
  shape: readonly number[];
}

const OPTIONS: readonly string[] = ["name", "x", "labels", "shape"] satisfies (keyof InMemoryDomainOptions)[];

/** A domain over a typed array. A batch costs one gathering copy, whatever its size. */
export class InMemoryDomain implements Domain {
  readonly name: string;
  readonly length: number;
  readonly labels: Int32Array;
  readonly #x: Uint8Array | Float32Array;
  readonly #shape: readonly number[];
  readonly #itemSize: number;

  /**
   * @throws ERR_ARGUMENT for an unknown option, and when they do not fit together: the sizes, the types, a label that is no
   *   class index.
   */
  constructor(options: InMemoryDomainOptions) {
    checkOptions("InMemoryDomain", options, OPTIONS);
    const { name, x, labels, shape } = options;
    checkString("InMemoryDomain: name", name);
    const where = `InMemoryDomain ${JSON.stringify(name)}`;
    if (!(x instanceof Uint8Array) && !(x instanceof Float32Array)) {
      throw argumentError(`${where}: x`, "a Uint8Array or a Float32Array", x);
    }
    checkList(`${where}: labels`, labels);
    if (!Array.isArray(shape)) throw argumentError(`${where}: shape`, "an array of integers", shape);
    for (const size of shape as readonly unknown[]) checkInteger(`${where}: each size of shape`, size, 1);
    const itemSize = shape.reduce((product, size) => product * size, 1);
    if (labels.length === 0 || x.length !== labels.length * itemSize) {
      throw new DgsamError("ERR_ARGUMENT", `${where}: ${labels.length} labels and items of shape [${shape.join(", ")}] ` +
        `need ${labels.length * itemSize} values in x (and at least one item), got ${x.length}`);
    }
    this.name = name;
    this.length = labels.length;
    for (let i = 0; i < labels.length; i++) {
      const label: unknown = labels[i];
      if (!isClassIndex(label)) throw argumentError(`${where}: label ${i}`, `an integer from 0 to ${2 ** 31 - 1}`, label);
    }
    this.labels = Int32Array.from(labels);
    this.#x = x;
    this.#shape = [...shape];
    this.#itemSize = itemSize;
  }

  item(index: number): Item {
    return { x: toInput(this.gather([index]).x, this.#shape), y: this.labels[index]! };
  }

  batch(indices: ArrayLike<number>): Batch {
    const { x, y } = this.gather(indices);
    return { x: toInput(x, [indices.length, ...this.#shape]), y: tensor(y, { shape: [indices.length] }) };
  }

  /**
   * What `batch` makes its tensors from.
   * @returns x: the items' values as they are stored (pixels not yet scaled), [B, ...shape]; y: their class indices, [B].
   * @throws ERR_ARGUMENT for an index out of range.
   */
  gather(indices: ArrayLike<number>): { x: Uint8Array | Float32Array; y: BigInt64Array } {
    checkList(`domain ${JSON.stringify(this.name)}: indices`, indices);
    const count = indices.length;
    const size = this.#itemSize;
    const stored = this.#x;
    const x = stored instanceof Uint8Array ? new Uint8Array(count * size) : new Float32Array(count * size);
    const y = new BigInt64Array(count);
    for (let i = 0; i < count; i++) {
      const index = indices[i]!;
      checkItem(this, index);
      y[i] = BigInt(this.labels[index]!);
      x.set(stored.subarray(index * size, (index + 1) * size), i * size);
    }
    return { x, y };
  }
}

function isClassIndex(label: unknown): boolean {
  return Number.isInteger(label) && (label as number) >= 0 && (label as number) < 2 ** 31;
}

// Pixels are copied as bytes and scaled by LibTorch, several times as fast as in a loop here. byte / 255 in float32 is
// what torchvision's ToTensor gives.
function toInput(x: Uint8Array | Float32Array, shape: readonly number[]): Tensor<"float32"> {
  if (x instanceof Float32Array) return tensor(x, { shape });
  const bytes = tensor(x, { shape });
  const scaled = ops.aten._to_copy(bytes, { dtype: "float32" }) as Tensor<"float32">;
  bytes.dispose();
  ops.aten.div_(scaled, 255);
  return scaled;
}
