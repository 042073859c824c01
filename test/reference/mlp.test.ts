import { Mlp, parameterShapes, type Activation } from "dgsam/reference";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { numbers } from "./support.js";

function makeNet(sizes: number[], activation: Activation, seed: number) {
  const draw = numbers(seed);
  const params = parameterShapes(sizes).map((shape) => Float64Array.from({ length: shape.reduce((a, b) => a * b) }, () => 2 * draw()));
  const examples = 3;
  const batch = {
    x: Float64Array.from({ length: examples * sizes[0]! }, () => 2 * draw()),
    y: Array.from({ length: examples }, () => Math.floor((draw() + 0.5) * sizes.at(-1)!)),
  };
  return { net: new Mlp(sizes, activation, params), batch };
}

describe("Mlp", () => {
  it.each(["tanh", "relu"] as const)("its gradients are the slopes of its loss, with %s", (activation) => {
    const widths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(widths, fc.integer({ min: 1, max: 1e6 }), (sizes, seed) => {
        const { net, batch } = makeNet(sizes, activation, seed);
        const { grads } = net.lossAndGrads(batch);
        const h = 1e-6;
        for (const [index, param] of net.params.entries()) {
          for (let i = 0; i < param.length; i++) {
            const value = param[i]!;
            const lossAt = (offset: number) => {
              param[i] = value + offset;
              const { loss } = net.lossAndGrads(batch);
              param[i] = value;
              return loss;
            };
            const [below, here, above] = [lossAt(-h), lossAt(0), lossAt(h)];
            // Where a ReLU has its kink between the points, the slope does not exist: the second difference tells.
            if (activation === "relu" && Math.abs(above - 2 * here + below) > 1e-9) continue;
            expect(Math.abs(grads[index]![i]! - (above - below) / (2 * h))).toBeLessThan(1e-8);
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it("gives the mean cross entropy: log of the number of classes where all logits are equal", () => {
    const net = new Mlp([2, 3], "tanh", [new Float64Array(6), Float64Array.of(700, 700, 700)]);
    const { loss, grads } = net.lossAndGrads({ x: Float64Array.of(1, 2, 3, 4), y: [0, 2] });
    expect(loss).toBeCloseTo(Math.log(3), 12);
    expect([...grads[1]!].map((value) => value.toFixed(6))).toEqual(["-0.166667", "0.333333", "-0.166667"]);
  });

  it("refuses parameters that do not fit its sizes", () => {
    const make = () => new Mlp([2, 3], "relu", [new Float64Array(5), new Float64Array(3)]);
    expect(make).toThrow(expect.objectContaining({ code: "ERR_SHAPE", message: "Mlp: params: expected lengths 6, 3, got 5, 3" }));
  });
});
