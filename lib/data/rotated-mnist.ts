/**
 * RotatedMNIST: the digits, each domain turned by another angle.
 *
 * Source: Ghifary et al., "Domain Generalization for Object Recognition with Multi-task Autoencoders", ICCV 2015; as
 * DomainBed builds it (Gulrajani and Lopez-Paz, "In Search of Lost Domain Generalization", ICLR 2021).
 */
import type { DomainDataset } from "./dataset.js";
import { DIGIT_SIZE, DIGITS_OPTIONS, type DigitsOptions, everyNth, loadDigits } from "./digits.js";
import { InMemoryDomain } from "./in-memory-domain.js";
import { rotateImages } from "./rotate.js";
import { checkInteger, checkOptions } from "../checks.js";

const ANGLES = [0, 15, 30, 45, 60, 75];

/**
 * Six domains "0", "15", "30", "45", "60", "75": the angle in degrees, counter-clockwise. Domain i holds every sixth digit
 * from digit i of the seeded order, so no digit is in two domains. Ten classes, "0" to "9".
 *
 * Images are float32 [1, 28, 28] in [0, 1]; they are turned with Pillow's bilinear interpolation and background 0, byte
 * for byte. The order of the digits is NumPy's `RandomState(seed).permutation`; DomainBed draws it from PyTorch's unseeded
 * global generator.
 *
 * Reads its files synchronously (below a second), and keeps one byte a pixel in memory.
 *
 * @throws as `loadDigits`; ERR_ARGUMENT for an unknown option or a limit below 6.
 */
export function rotatedMnist(options: DigitsOptions = {}): DomainDataset {
  checkOptions("rotatedMnist", options, DIGITS_OPTIONS);
  if (options.limit !== undefined) checkInteger("rotatedMnist: limit", options.limit, ANGLES.length);
  const digits = loadDigits(options);
  const shape = [1, DIGIT_SIZE, DIGIT_SIZE];
  const domains = ANGLES.map((angle, i) => {
    const { pixels, labels } = everyNth(digits, i, ANGLES.length);
    return new InMemoryDomain({ name: String(angle), x: rotateImages(pixels, DIGIT_SIZE, angle), labels, shape });
  });
  return {
    name: "RotatedMNIST",
    classes: Array.from({ length: 10 }, (_, digit) => String(digit)),
    inputShape: shape,
    domains,
  };
}
