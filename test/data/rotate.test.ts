import { RandomState, rotateImages } from "dgsam";
import { describe, expect, test } from "vitest";
import { goldens, sha256 } from "./goldens.js";

const golden = goldens.rotations;

function noise(random: RandomState, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.randint(0, 256));
}

describe("rotateImages", () => {
  const random = new RandomState(0);
  const images = noise(random, 4 * 28 * 28);
  const small = noise(random, 5 * 5);

  test("starts from the images that the goldens were made from", () => {
    expect(sha256(images)).toBe(golden.images);
    expect([...small]).toEqual(golden.small);
  });

  test.each(golden.rotated)("gives Pillow's bytes at %d degrees", (degrees, expected) => {
    expect(sha256(rotateImages(images, 28, degrees))).toBe(expected);
  });

  test("gives Pillow's bytes for an odd size", () => {
    expect([...rotateImages(small, 5, 30)]).toEqual(golden.smallBy30);
  });

  test("turns counter-clockwise, fills with 0 and leaves its input alone", () => {
    const corner = new Uint8Array(16);
    corner[3] = 200; // top right
    const before = corner.slice();
    const turned = rotateImages(corner, 4, 90);
    expect(turned.indexOf(200)).toBe(0); // top left
    expect(turned.reduce((sum, pixel) => sum + pixel, 0)).toBe(200);
    expect(corner).toEqual(before);
    const white = rotateImages(new Uint8Array(28 * 28).fill(255), 28, 45);
    expect([white[0], white[27], white[14 * 28 + 14]]).toEqual([0, 0, 255]);
  });

  test("copies at 0 degrees", () => {
    const copy = rotateImages(small, 5, 0);
    expect(copy).toEqual(small);
    expect(copy.buffer).not.toBe(small.buffer);
  });
});
