/** What the types of layers promise; compiled by types.test.ts, never run. */
import { MaxPool2d, ReLU, Sequential, type Layer, type MaxPool2dOptions, type Tensor } from "dgsam";
import { expectTypeOf } from "vitest";

// MaxPool2d's output follows returnIndices; with indices it is no layer from one tensor to one tensor.
expectTypeOf(new MaxPool2d(2).forward).returns.toEqualTypeOf<Tensor>();
expectTypeOf(new MaxPool2d(2, { stride: 1 }).forward).returns.toEqualTypeOf<Tensor>();
expectTypeOf(new MaxPool2d(2, { returnIndices: false }).forward).returns.toEqualTypeOf<Tensor>();
expectTypeOf(new MaxPool2d(2, { returnIndices: true }).forward).returns.toEqualTypeOf<[output: Tensor, indices: Tensor]>();
declare const options: MaxPool2dOptions;
expectTypeOf(new MaxPool2d(2, options)).toExtend<Layer>();
expectTypeOf(new MaxPool2d(2, { returnIndices: true })).not.toExtend<Layer>();
new Sequential(new MaxPool2d(2), new ReLU());
// @ts-expect-error
new Sequential(new MaxPool2d(2, { returnIndices: true }), new ReLU());
