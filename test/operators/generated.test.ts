/** What `npm run generate` writes is checked in; these tests fail when it no longer fits LibTorch or the generator. */

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { operatorNames, operatorSchemas, runtimeInfo } from "dgsam";
import { declareNamespace, signatures, typingOrder, type Packet } from "../../lib/generate/declarations.js";
import { generatedFiles, packetsOf } from "../../lib/generate/file.js";

const PINNED = "2.13.0";
const isPinned = runtimeInfo().version.split("+", 1)[0] === PINNED;

describe.runIf(isPinned)(`generated from LibTorch ${PINNED}`, () => {
  for (const { name, path, text } of generatedFiles())
    test(`${name} is not stale`, () => {
      expect(readFileSync(path, "utf8") === text, `${name} is stale: run \`npm run generate\``).toBe(true);
    });

  test("every overload of the dispatcher is declared once", () => {
    const { text } = generatedFiles().find(({ name }) => name.endsWith("operators.generated.ts"))!;
    const declared = new Set([...text.matchAll(/^ {2}"([\w.]+)"[<(]/gm)].map(([, name]) => name));
    const names = operatorNames("aten").map(({ name }) => name);
    expect(names.length).toBeGreaterThan(3000);
    expect(names.filter((name) => !declared.has(name))).toEqual([]);
  });
});

function schema(name: string) {
  return operatorSchemas("aten", name.split(".", 1)[0]!).find((each) => each.name === `aten::${name}`)!;
}

describe("signatures", () => {
  test("numbers may stand for tensors, defaults may be left out, keyword arguments come last", () => {
    expect(signatures(schema("add.Tensor"))).toEqual([
      "(self: TensorLike, other: TensorLike, keywords?: { alpha?: ScalarLike | undefined }): Tensor",
      "(self: TensorLike, keywords: { other: TensorLike; alpha?: ScalarLike | undefined }): Tensor",
    ]);
  });

  test("an in-place overload gives the type it was given, and writes to no number", () => {
    expect(signatures(schema("add_.Tensor"))).toEqual([
      "<T extends Tensor>(self: T, other: TensorLike, keywords?: { alpha?: ScalarLike | undefined }): T",
      "<T extends Tensor>(self: T, keywords: { other: TensorLike; alpha?: ScalarLike | undefined }): T",
    ]);
  });

  test("arguments may be named, from any place on", () => {
    expect(signatures(schema("softmax.int"))).toEqual([
      "(self: TensorLike, dim: Int, dtype?: DType | null): Tensor",
      "(self: TensorLike, keywords: { dim: Int; dtype?: DType | null | undefined }): Tensor",
      "(self: TensorLike, dim: Int, keywords: { dtype?: DType | null | undefined }): Tensor",
    ]);
  });

  test("of arguments without a default the last two may be named, and only in public forward operators", () => {
    expect(signatures(schema("addmm.default")).slice(1)).toEqual([
      "(self: TensorLike, keywords: { mat1: TensorLike; mat2: TensorLike; beta?: ScalarLike | undefined; alpha?: ScalarLike | undefined }): Tensor",
      "(self: TensorLike, mat1: TensorLike, keywords: { mat2: TensorLike; beta?: ScalarLike | undefined; alpha?: ScalarLike | undefined }): Tensor",
    ]);
    expect(signatures(schema("addcmul.default"))).toHaveLength(3);
    for (const name of ["_softmax.default", "elu_backward.default", "add.out"])
      expect(signatures(schema(name))).toHaveLength(1);
  });

  test("an out overload requires its keywords, and several results are a tuple", () => {
    expect(signatures(schema("max.dim_max"))[0]).toBe(
      "(self: TensorLike, dim: Int, keepdim: boolean | undefined, keywords: { max: Tensor; max_values: Tensor }): [Tensor, Tensor]",
    );
  });

  test("no result is void, sized lists take one number, what JavaScript cannot make is never", () => {
    expect(signatures(schema("_foreach_add_.Scalar"))).toEqual(["(self: Tensors, scalar: ScalarLike): void"]);
    expect(signatures(schema("avg_pool2d"+".default"))[0]).toContain("kernel_size: Int | Ints");
    expect(signatures(schema("set_.source_Storage"))[0]).toContain("source: never");
  });
});

test("overloads with fewer tensors are typed first where results differ, since numbers are tried as numbers first", () => {
  const max = packetsOf("aten").find(({ name }) => name === "max")!;
  const order = typingOrder(max).map(({ name }) => name);
  expect(order.indexOf("aten::max.dim")).toBeLessThan(order.indexOf("aten::max.other"));
});

test("an argument name that TypeScript reserves gets an underscore", () => {
  const packet: Packet = {
    name: "f",
    numbersAsTensors: false,
    overloads: [{ ...schema("relu.default"), name: "test::f.default", arguments: [{ ...schema("relu.default").arguments[0]!, name: "var" }] }],
  };
  expect(declareNamespace("Test", "One operator", [packet])).toContain('"f.default"(var_: TensorLike): Tensor;');
});
