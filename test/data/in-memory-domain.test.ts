import { InMemoryDomain, scope, Subset } from "dgsam";
import { describe, expect, test } from "vitest";
import { counting } from "./domains.js";
import { expectError } from "./errors.js";

const bytes = new InMemoryDomain({
  name: "bytes", x: Uint8Array.of(0, 51, 102, 153, 204, 255), labels: [1, 0, 2], shape: [1, 1, 2],
});

describe("InMemoryDomain", () => {
  test("gathers items in the given order, with repetition", () => {
    expect(counting("c", 5).gather([4, 0, 4])).toEqual({
      x: Float32Array.of(4, -4, 0, 0, 4, -4), y: BigInt64Array.of(1n, 0n, 1n),
    });
    expect(bytes.gather([2, 0])).toEqual({ x: Uint8Array.of(204, 255, 0, 51), y: BigInt64Array.of(2n, 1n) });
  });

  test("scales bytes to [0, 1], as byte / 255 in float32", () => {
    scope(() => {
      const { x, y } = bytes.batch([0, 2]);
      expect([x.shape, x.dtype, y.dtype]).toEqual([[2, 1, 1, 2], "float32", "int64"]);
      expect(x.data()).toEqual(Float32Array.from([0, 51, 204, 255], (byte) => byte / 255));
      expect(y.data()).toEqual(BigInt64Array.of(1n, 2n));
    });
  });

  test("takes float32 values as they are", () => {
    scope(() => {
      const { x } = counting("c", 5).batch([3]);
      expect([x.shape, [...x.data()]]).toEqual([[1, 2], [3, -3]]);
    });
  });

  test("gives one item without a batch dimension", () => {
    scope(() => {
      const { x, y } = bytes.item(1);
      expect([x.shape, y]).toEqual([[1, 1, 2], 0]);
      expect(x.data()).toEqual(Float32Array.of(102 / 255, 153 / 255));
    });
  });

  test("refuses items that it has not", () => {
    for (const index of [3, -1, 0.5, Number.NaN]) {
      expectError(() => bytes.batch([0, index]), "ERR_ARGUMENT", /^domain "bytes": item: expected an integer from 0 to 2, got the number/);
      expectError(() => bytes.item(index), "ERR_ARGUMENT", /^domain "bytes": item/);
    }
  });

  test("refuses parts that do not fit together", () => {
    const make = (options: object) => () =>
      new InMemoryDomain({ name: "d", x: new Uint8Array(4), labels: [0, 1], shape: [2], ...options });
    expect(make({})().length).toBe(2);
    expectError(make({ x: new Uint8Array(5) }), "ERR_ARGUMENT",
      /^InMemoryDomain "d": 2 labels and items of shape \[2\] need 4 values in x \(and at least one item\), got 5/);
    expectError(make({ x: new Uint8Array(), labels: [] }), "ERR_ARGUMENT", /at least one item/);
    expectError(make({ x: [0, 0, 0, 0] }), "ERR_ARGUMENT", /x: expected a Uint8Array or a Float32Array, got an array of length 4/);
    expectError(make({ shape: [0] }), "ERR_ARGUMENT", /each size of shape: expected an integer of at least 1/);
    expectError(make({ labels: [0, -1] }), "ERR_ARGUMENT", /label 1: expected an integer from 0 .* got the number -1/);
    expectError(make({ labels: [0.5, 1] }), "ERR_ARGUMENT", /label 0: expected an integer/);
    expectError(make({ labels: [0, 2 ** 32] }), "ERR_ARGUMENT", /label 1: expected an integer/);
  });
});

describe("Subset", () => {
  const base = counting("base", 6);
  const subset = new Subset(base, [5, 1, 3]);

  test("numbers the chosen items anew", () => {
    expect([subset.name, subset.length, [...subset.labels]]).toEqual(["base", 3, [2, 1, 0]]);
    scope(() => {
      const { x, y } = subset.batch([2, 0]);
      expect([[...x.data()], [...y.data()]]).toEqual([[3, -3, 5, -5], [0n, 2n]]);
      expect([...subset.item(1).x.data()]).toEqual([1, -1]);
    });
  });

  test("takes a name of its own", () => {
    expect(new Subset(base, [0], "first").name).toBe("first");
  });

  test("refuses items that it, or its base, has not", () => {
    expectError(() => subset.batch([3]), "ERR_ARGUMENT", /^domain "base": item: expected an integer from 0 to 2/);
    expectError(() => new Subset(base, [6]), "ERR_ARGUMENT", /^domain "base": item: expected an integer from 0 to 5/);
  });
});
