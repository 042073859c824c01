/**
 * Arguments whose reading runs the caller's code, which may call operators itself. Values of all calls go through one
 * frame: a getter that used it in mid-call once made another operator run, with whatever it found there.
 */
import { grad, ops, tensor, type Tensor } from "dgsam";
import { describe, expect, it } from "vitest";

const a = tensor([1, 2]);
const b = tensor([10, 20]);

/** Uses the frame in every way: an operator with keywords, a property, a value read back. */
function disturb(): void {
  a.add(b, { alpha: 3 });
  a.shape;
  a.sum().item();
}

/** An array whose elements come from getters. */
function withGetters<T>(elements: T[]): T[] {
  const array = [...elements];
  elements.forEach((element, i) => Object.defineProperty(array, i, { enumerable: true, get: () => (disturb(), element) }));
  return array;
}

/** A list behind a Proxy. */
function proxied<T extends object>(target: T): T {
  return new Proxy(target, {
    get(from, key) {
      disturb();
      return Reflect.get(from, key) as unknown;
    },
  });
}

describe("an operator called while the arguments of another are read", () => {
  it("by a getter among keyword arguments", () => {
    expect(a.add(b, { get alpha() { disturb(); return 2; } }).toArray()).toEqual([21, 42]);
    expect(tensor([[1, 2], [3, 4]]).sum({ get dim() { return b.mul(a).ndim - 1; }, get keepdim() { disturb(); return true; } }).toArray()).toEqual([[4, 6]]);
    expect(((ops.aten.add as (...args: unknown[]) => unknown)({ self: a, get other() { disturb(); return b; } }) as Tensor).toArray()).toEqual([11, 22]);
  });

  it("by elements of a list", () => {
    for (const list of [withGetters([a, b]), proxied([a, b])]) {
      expect(ops.aten.cat(list).toArray()).toEqual([1, 2, 10, 20]);
      expect(ops.aten.cat(list, { get dim() { disturb(); return 0; } }).toArray()).toEqual([1, 2, 10, 20]);
    }
    expect(ops.aten.reshape(b, withGetters([2, 1])).toArray()).toEqual([[10], [20]]);
  });

  it("by the parts of a complex number", () => {
    const number = { get re() { disturb(); return 1; }, get im() { disturb(); return 2; } };
    expect(ops.aten.add(b, number as never).toArray()).toEqual([{ re: 11, im: 2 }, { re: 21, im: 2 }]);
  });

  it("by lists of tensors to differentiate", () => {
    const x = tensor([1, 2], { requiresGrad: true });
    const losses = [x.square().sum(), x.sum()];
    expect(grad(withGetters(losses), withGetters([x]), { gradOutputs: withGetters([tensor(1), tensor(10)]) })[0]!.toArray()).toEqual([12, 14]);
    x.square().sum().backward({ inputs: proxied([x]) });
    expect(x.grad!.toArray()).toEqual([2, 4]);
  });
});
