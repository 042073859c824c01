/** Base optimizers on random shapes, groups, options and gaps in the gradients: they follow their twins wherever these lead. */
import { tensor, type Tensor } from "dgsam";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CASES, OPTIMIZERS, type Options, type OptimizerName } from "../../reference/cases.js";
import { cut } from "../../reference/support.js";
import { bits, values } from "../support.js";
import { native, twin } from "./make.js";

const arrayOf = (length: number, number: fc.Arbitrary<number>) => fc.array(number, { minLength: length, maxLength: length });

const value = fc.double({ min: -10, max: 10, noNaN: true });
/**
 * Zero, or so large that weight decay cannot cancel it: of a gradient that is rounding alone, an adaptive optimizer makes a step.
 */
const gradient = fc.oneof(fc.constant(0), fc.double({ min: 4, max: 10, noNaN: true }), fc.double({ min: -10, max: -4, noNaN: true }));

const shape = fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
const size = (dimensions: readonly number[]) => dimensions.reduce((product, each) => product * each, 1);

interface Problem {
  readonly shapes: number[][];
  readonly start: number[][];
  readonly steps: (number[] | null)[][];
  readonly places: number[];
  readonly options: Options;
}

const problemOf = (name: OptimizerName): fc.Arbitrary<Problem> =>
  fc.array(shape, { minLength: 1, maxLength: 5 }).chain((shapes) => {
    const grads = shapes.map((each) => fc.option(arrayOf(size(each), gradient), { freq: 3 }));
    return fc.record({
      shapes: fc.constant(shapes),
      start: fc.tuple(...shapes.map((each) => arrayOf(size(each), value))),
      steps: fc.array(fc.tuple(...grads), { minLength: 1, maxLength: 8 }),
      places: fc.array(fc.nat(), { maxLength: 3 }),
      options: fc.constantFrom(...CASES.filter((each) => each.name === name).map(({ options }) => options)),
    });
  });

function parameters({ shapes, start }: Problem): Tensor[] {
  return start.map((each, i) => {
    const param = tensor(each, { dtype: "float64" }).reshape(shapes[i]!);
    param.requiresGrad = true;
    return param;
  });
}

function setGradients(params: readonly Tensor[], grads: readonly (number[] | null)[], shapes: readonly number[][]): void {
  params.forEach((param, i) => (param.grad = grads[i] === null ? null : tensor(grads[i]!, { dtype: "float64" }).reshape(shapes[i]!)));
}

const magnitude = (numbers: ArrayLike<number>) => Array.from(numbers).reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);

/** Groups whose learning rates differ. */
const groupsOf = <T>(params: readonly T[], places: readonly number[]) => cut(params, places).map((each, i) => ({ params: each, lr: 0.01 * (i + 1) }));

describe.each(OPTIMIZERS)("%s", (name) => {
  test("equals its twin", () => {
    fc.assert(
      fc.property(problemOf(name), (problem) => {
        const params = parameters(problem);
        const twins = problem.start.map((each) => Float64Array.from(each));
        const ours = native(name, groupsOf(params, problem.places), problem.options);
        const theirs = twin(name, groupsOf(twins, problem.places), problem.options);
        // A parameter that passes near zero keeps the rounding of where it has been.
        const largest = twins.map(magnitude);
        for (const grads of problem.steps) {
          setGradients(params, grads, problem.shapes);
          ours.step();
          theirs.step(grads.map((each) => each && Float64Array.from(each)));
          twins.forEach((each, i) => (largest[i] = Math.max(largest[i]!, magnitude(each))));
        }
        params.forEach((param, i) => {
          const own = values(param);
          expect(own).toHaveLength(twins[i]!.length);
          expect(magnitude(own.map((each, j) => each - twins[i]![j]!))).toBeLessThanOrEqual(1e-11 * largest[i]!);
        });
      }),
      { numRuns: 60 },
    );
  });

  test("does the same bits for every way of cutting parameters into groups, and when it is saved and loaded between steps", () => {
    fc.assert(
      fc.property(problemOf(name), (problem) => {
        const { places, shapes, options, steps } = problem;
        const [whole, grouped] = [parameters(problem), parameters(problem)];
        const one = native(name, whole, options);
        const groups = () => cut(grouped, places).map((params) => ({ params }));
        let many = native(name, groups(), options);
        for (const grads of steps) {
          const resumed = native(name, groups(), options);
          resumed.loadStateDict(many.stateDict());
          many = resumed;
          setGradients(whole, grads, shapes);
          setGradients(grouped, grads, shapes);
          one.step();
          many.step();
        }
        expect(bits(grouped)).toEqual(bits(whole));
      }),
      { numRuns: 40 },
    );
  });
});
