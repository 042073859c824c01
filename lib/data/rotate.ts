/**
 * Rotation of grey images as Pillow does it (`Image.rotate(angle, BILINEAR)`, which torchvision's
 * `functional.rotate` calls for a PIL image), byte for byte: DomainBed's RotatedMNIST is defined by it.
 *
 * Source: Pillow, src/PIL/Image.py (`rotate`) and src/libImaging/Geometry.c (`bilinear_filter8`).
 */
import { checkInteger } from "../checks.js";
import { argumentError, DgsamError } from "../errors.js";

/** How one pixel of the rotated image comes from four of the source. */
interface Sample {
  readonly to: number;
  readonly topLeft: number;
  readonly topRight: number;
  readonly bottomLeft: number;
  readonly bottomRight: number;
  readonly dx: number;
  readonly dy: number;
}

/**
 * Rotates square grey images about their centre, counter-clockwise, with bilinear interpolation; what comes from outside is 0.
 * @param pixels one byte a pixel, [count, size, size].
 * @param size rows and columns of an image.
 * @param degrees any angle; 0 copies.
 * @returns new bytes of the same shape.
 * @throws ERR_ARGUMENT for another kind of value, and when the pixels make no whole number of images.
 */
export function rotateImages(pixels: Uint8Array, size: number, degrees: number): Uint8Array {
  if (!(pixels instanceof Uint8Array)) throw argumentError("rotateImages: pixels", "a Uint8Array", pixels);
  checkInteger("rotateImages: size", size, 1);
  if (!Number.isFinite(degrees)) throw argumentError("rotateImages: degrees", "a finite number", degrees);
  if (pixels.length % (size * size) !== 0) {
    throw new DgsamError("ERR_ARGUMENT", `rotateImages: expected a multiple of ${size} x ${size} pixels, got ${pixels.length}`);
  }
  if (degrees % 360 === 0) return pixels.slice();
  const rotated = new Uint8Array(pixels.length);
  const samples = samplesOf(size, degrees);
  const area = size * size;
  for (let image = 0; image < pixels.length; image += area) {
    for (const { to, topLeft, topRight, bottomLeft, bottomRight, dx, dy } of samples) {
      const a = pixels[image + topLeft]!;
      const c = pixels[image + bottomLeft]!;
      const top = a + (pixels[image + topRight]! - a) * dx;
      const bottom = c + (pixels[image + bottomRight]! - c) * dx;
      // The assignment to a byte cuts the fraction off, as Pillow's cast does.
      rotated[image + to] = top + (bottom - top) * dy;
    }
  }
  return rotated;
}

// The same for all images of a size and an angle. Pixels that come from outside have no sample and stay 0.
function samplesOf(size: number, degrees: number): Sample[] {
  const angle = -((((degrees % 360) + 360) % 360) * (Math.PI / 180));
  const cos = round15(Math.cos(angle));
  const sin = round15(Math.sin(angle));
  const centre = size / 2;
  const offsetX = cos * -centre + sin * -centre + centre;
  const offsetY = -sin * -centre + cos * -centre + centre;
  const samples: Sample[] = [];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const x = cos * (column + 0.5) + sin * (row + 0.5) + offsetX;
      const y = -sin * (column + 0.5) + cos * (row + 0.5) + offsetY;
      if (x < 0 || x >= size || y < 0 || y >= size) continue;
      const left = Math.floor(x - 0.5);
      const top = Math.floor(y - 0.5);
      const x0 = clamp(left, size);
      const x1 = clamp(left + 1, size);
      const y0 = clamp(top, size) * size;
      const y1 = clamp(top + 1, size) * size;
      samples.push({ to: row * size + column, topLeft: y0 + x0, topRight: y0 + x1, bottomLeft: y1 + x0,
        bottomRight: y1 + x1, dx: x - 0.5 - left, dy: y - 0.5 - top });
    }
  }
  return samples;
}

function clamp(index: number, size: number): number {
  return Math.min(Math.max(index, 0), size - 1);
}

// Pillow rounds the matrix to 15 decimals, which also hides the last-bit differences between cosine implementations.
function round15(value: number): number {
  return Number(value.toFixed(15));
}
