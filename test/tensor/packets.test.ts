/** `ops.aten.NAME(...)` takes the overload that PyTorch's own packets, `torch.ops.aten.NAME(...)`, take. */
import { arange, DgsamError, full, manualSeed, ops, randn, scope, tensor, type OperatorFunction, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { hasTorch } from "../reference/oracle.js";
import { encode, evaluatedByPytorch, type Encoded } from "./pytorch.js";

const { aten } = ops;

/** An operator without its types: for what they forbid, and for required arguments by name, which they do not know. */
const untyped = (name: keyof typeof aten): OperatorFunction => aten[name] as OperatorFunction;

function makeInputs() {
  manualSeed(4);
  return {
    t: randn([2, 3]), s: randn([2, 3]).abs(), i: arange(6, { dtype: "int64" }).reshape(2, 3), m: tensor([[true, false, true], [false, true, true]]),
    idx: tensor([1n, 0n]), zero: full([2, 3], 0),
  };
}

type Case = readonly [python: string, ours: (inputs: ReturnType<typeof makeInputs>) => unknown];

const CASES: readonly Case[] = [
  ["max(t)", ({ t }) => aten.max(t)], ["max(t, 1)", ({ t }) => aten.max(t, 1)], ["max(t, s)", ({ t, s }) => aten.max(t, s)],
  ["max(t, 1, True)", ({ t }) => aten.max(t, 1, true)], ["max(t, dim=0)", ({ t }) => untyped("max")(t, { dim: 0 })],
  ["min(t, 0)", ({ t }) => aten.min(t, 0)],
  ["add(t, 1)", ({ t }) => aten.add(t, 1)], ["add(i, 1)", ({ i }) => aten.add(i, 1)], ["add(i, 1.5)", ({ i }) => aten.add(i, 1.5)],
  ["add(1, t)", ({ t }) => aten.add(1, t)], ["add(t, s, alpha=2)", ({ t, s }) => aten.add(t, s, { alpha: 2 })],
  ["add(i, True)", ({ i }) => aten.add(i, true)], ["add(m, m)", ({ m }) => aten.add(m, m)],
  ["sub(5, t)", ({ t }) => aten.sub(5, t)], ["mul(2, i)", ({ i }) => aten.mul(2, i)], ["mul(i, 2.5)", ({ i }) => aten.mul(i, 2.5)],
  ["rsub(t, 1)", ({ t }) => aten.rsub(t, 1)], ["rsub(t, s, alpha=3)", ({ t, s }) => aten.rsub(t, s, { alpha: 3 })],
  ["div(t, 2)", ({ t }) => aten.div(t, 2)], ["div(i, 2)", ({ i }) => aten.div(i, 2)],
  ["div(t, 2, rounding_mode='floor')", ({ t }) => aten.div(t, 2, { rounding_mode: "floor" })],
  ["div(i, 2, rounding_mode='trunc')", ({ i }) => aten.div(i, 2, { rounding_mode: "trunc" })],
  ["div(i, i, rounding_mode=None)", ({ i }) => aten.div(i, i, { rounding_mode: null })],
  ["floor_divide(i, 4)", ({ i }) => aten.floor_divide(i, 4)], ["true_divide(i, 4)", ({ i }) => aten.true_divide(i, 4)],
  ["remainder(i, 4)", ({ i }) => aten.remainder(i, 4)], ["remainder(5, s)", ({ s }) => aten.remainder(5, s)],
  ["fmod(t, 0.3)", ({ t }) => aten.fmod(t, 0.3)],
  ["pow(2, i)", ({ i }) => aten.pow(2, i)], ["pow(i, 2)", ({ i }) => aten.pow(i, 2)], ["pow(s, t)", ({ s, t }) => aten.pow(s, t)],
  ["pow(s, 0.5)", ({ s }) => aten.pow(s, 0.5)], ["float_power(i, 2)", ({ i }) => aten.float_power(i, 2)],
  ["float_power(2, i)", ({ i }) => aten.float_power(2, i)], ["xlogy(s, 2)", ({ s }) => aten.xlogy(s, 2)],
  ["xlogy(2, s)", ({ s }) => aten.xlogy(2, s)],
  ["sum(t)", ({ t }) => aten.sum(t)], ["sum(t, 0)", ({ t }) => aten.sum(t, 0)], ["sum(t, [0])", ({ t }) => aten.sum(t, [0])],
  ["sum(t, [0, 1], True)", ({ t }) => aten.sum(t, [0, 1], true)], ["sum(t, dim=1)", ({ t }) => untyped("sum")(t, { dim: 1 })],
  ["sum(t, dtype=torch.float64)", ({ t }) => aten.sum(t, { dtype: "float64" })], ["sum(t, None)", ({ t }) => aten.sum(t, null)],
  ["sum(t, [1], dtype=torch.float64)", ({ t }) => aten.sum(t, [1], { dtype: "float64" })], ["sum(i)", ({ i }) => aten.sum(i)],
  ["mean(t, [1])", ({ t }) => aten.mean(t, [1])], ["prod(t)", ({ t }) => aten.prod(t)], ["prod(t, 0)", ({ t }) => aten.prod(t, 0)],
  ["any(m)", ({ m }) => aten.any(m)], ["any(m, 1)", ({ m }) => aten.any(m, 1)], ["all(m, [0, 1])", ({ m }) => aten.all(m, [0, 1])],
  ["std(t)", ({ t }) => aten.std(t)], ["std(t, False)", ({ t }) => aten.std(t, false)], ["std(t, [0], False)", ({ t }) => aten.std(t, [0], false)],
  ["std(t, [0], correction=0)", ({ t }) => aten.std(t, [0], { correction: 0 })], ["var_mean(t, [1])", ({ t }) => aten.var_mean(t, [1])],
  ["norm(t)", ({ t }) => aten.norm(t)], ["norm(t, 1)", ({ t }) => aten.norm(t, 1)], ["norm(t, 2, [0])", ({ t }) => aten.norm(t, 2, [0])],
  ["norm(t, None, [0], True)", ({ t }) => aten.norm(t, null, [0], true)], ["median(t)", ({ t }) => aten.median(t)],
  ["median(t, 0)", ({ t }) => aten.median(t, 0)], ["argmax(t)", ({ t }) => aten.argmax(t)], ["argmax(t, 1)", ({ t }) => aten.argmax(t, 1)],
  ["sort(t)", ({ t }) => aten.sort(t)], ["sort(t, 0, True)", ({ t }) => aten.sort(t, 0, true)],
  ["sort(t, stable=True, dim=0)", ({ t }) => aten.sort(t, { stable: true, dim: 0 })], ["quantile(t, 0.5)", ({ t }) => aten.quantile(t, 0.5)],
  ["cumsum(t, 0)", ({ t }) => aten.cumsum(t, 0)],
  ["eq(t, t)", ({ t }) => aten.eq(t, t)], ["eq(i, 1)", ({ i }) => aten.eq(i, 1)], ["gt(t, 0)", ({ t }) => aten.gt(t, 0)],
  ["bitwise_and(i, 1)", ({ i }) => aten.bitwise_and(i, 1)], ["bitwise_and(1, i)", ({ i }) => aten.bitwise_and(1, i)],
  ["isin(i, 2)", ({ i }) => aten.isin(i, 2)], ["isin(1, i)", ({ i }) => aten.isin(1, i)],
  ["where(m, t, s)", ({ m, t, s }) => aten.where(m, t, s)], ["where(m, 1, t)", ({ m, t }) => aten.where(m, 1, t)],
  ["where(m, t, 0)", ({ m, t }) => aten.where(m, t, 0)], ["where(m, 1.5, 2.5)", ({ m }) => aten.where(m, 1.5, 2.5)],
  ["where(m)", ({ m }) => aten.where(m)],
  ["clamp(t, 0)", ({ t }) => aten.clamp(t, 0)], ["clamp(t, None, s)", ({ t, s }) => aten.clamp(t, null, s)],
  ["clamp(t, 0, 1)", ({ t }) => aten.clamp(t, 0, 1)], ["clamp(t, max=0.5)", ({ t }) => aten.clamp(t, { max: 0.5 })],
  ["clamp(i, 1.5)", ({ i }) => aten.clamp(i, 1.5)],
  ["masked_fill(t, m, 2)", ({ t, m }) => aten.masked_fill(t, m, 2)],
  ["masked_fill(t, m, tensor(3.))", ({ t, m }) => aten.masked_fill(t, m, tensor(3))],
  ["index_fill(t, 0, idx, 3)", ({ t, idx }) => aten.index_fill(t, 0, idx, 3)],
  ["scatter(t, 0, i % 2, 1)", ({ t, i }) => aten.scatter(t, 0, aten.remainder(i, 2), 1)], ["fill(t, 3)", ({ t }) => aten.fill(t, 3)],
  ["arange(5)", () => aten.arange(5)], ["arange(1, 5)", () => aten.arange(1, 5)], ["arange(0, 5, 2)", () => aten.arange(0, 5, 2)],
  ["arange(2.5)", () => aten.arange(2.5)], ["full([2], 3)", () => aten.full([2], 3)], ["full([2], 1.5)", () => aten.full([2], 1.5)],
  ["full([2], True)", () => aten.full([2], true)], ["ones_like(i)", ({ i }) => aten.ones_like(i)], ["zeros([2, 1])", () => aten.zeros([2, 1])],
  ["squeeze(t)", ({ t }) => aten.squeeze(t)], ["squeeze(t, 0)", ({ t }) => aten.squeeze(t, 0)],
  ["squeeze(t, [0, 1])", ({ t }) => aten.squeeze(t, [0, 1])], ["flatten(t)", ({ t }) => aten.flatten(t)],
  ["flatten(t, 1)", ({ t }) => aten.flatten(t, 1)], ["split(t, 1)", ({ t }) => aten.split(t, 1)],
  ["split(t, [1, 2], 1)", ({ t }) => aten.split(t, [1, 2], 1)], ["transpose(t, 0, 1)", ({ t }) => aten.transpose(t, 0, 1)],
  ["to(t, torch.float64)", ({ t }) => aten.to(t, "float64")], ["to(t, i)", ({ t, i }) => aten.to(t, i)],
  ["_to_copy(t, dtype=torch.int32)", ({ t }) => aten._to_copy(t, { dtype: "int32" })],
  ["repeat_interleave(t, 2)", ({ t }) => aten.repeat_interleave(t, 2)], ["roll(t, [1], [1])", ({ t }) => aten.roll(t, [1], [1])],
  ["view(t, [3, 2])", ({ t }) => aten.view(t, [3, 2])], ["view(t, torch.int32)", ({ t }) => aten.view(t, "int32")],
  ["select(t, 1, 2)", ({ t }) => aten.select(t, 1, 2)], ["slice(t, 1, 0, 2)", ({ t }) => aten.slice(t, 1, 0, 2)],
  ["index(t, [None, idx])", ({ t, idx }) => aten.index(t, [null, idx])],
  ["gather(t, 0, i % 2)", ({ t, i }) => aten.gather(t, 0, aten.remainder(i, 2))],
  ["is_nonzero(t[0, 0])", ({ t }) => aten.is_nonzero(t.get(0).get(0))], ["equal(t, t)", ({ t }) => aten.equal(t, t)],
  ["_foreach_add([t, s], 2)", ({ t, s }) => aten._foreach_add([t, s], 2)],
  ["_foreach_add([t, s], [1, 2])", ({ t, s }) => aten._foreach_add([t, s], [1, 2])],
  ["_foreach_add([t], [s], alpha=2)", ({ t, s }) => aten._foreach_add([t], [s], { alpha: 2 })],
  ["_foreach_norm([t, s], 2)", ({ t, s }) => aten._foreach_norm([t, s], 2)], ["softmax(t, 1)", ({ t }) => aten.softmax(t, 1)],
  ["native_layer_norm(t, [3], None, None, 1e-5)", ({ t }) => aten.native_layer_norm(t, [3], null, null, 1e-5)],
];

/** What neither takes: the wrong kind, missing, too many, unknown names. */
const REFUSED: readonly Case[] = [
  ["max(t, 'x')", ({ t }) => untyped("max")(t, "x")], ["add(t)", ({ t }) => untyped("add")(t)],
  ["add(t, s, 3, 4, 5)", ({ t, s }) => untyped("add")(t, s, 3, 4, 5)],
  ["add(t, s, beta=2)", ({ t, s }) => untyped("add")(t, s, { beta: 2 })], ["sum(t, 'x')", ({ t }) => untyped("sum")(t, "x")],
  ["sum(t, 1.5)", ({ t }) => aten.sum(t, 1.5)], ["mm(t, 2)", ({ t }) => aten.mm(t, 2)], ["cat(t)", ({ t }) => untyped("cat")(t)],
  ["add(t, None)", ({ t }) => untyped("add")(t, null)], ["view(t, [1.5])", ({ t }) => aten.view(t, [1.5])],
  ["softmax(t)", ({ t }) => untyped("softmax")(t)],
];

describe.skipIf(!hasTorch)("packets", () => {
  function compare(cases: readonly Case[], check: (title: string, ours: () => unknown, theirs: Encoded) => void): void {
    scope(() => {
      const inputs = makeInputs();
      const theirs = evaluatedByPytorch(cases.map(([python]) => `torch.ops.aten.${python}`), inputs as unknown as Record<string, Tensor>);
      cases.forEach(([python, ours], i) => check(python, () => ours(inputs), theirs[i]!));
    });
  }

  test("give what PyTorch's give", () => {
    compare(CASES, (title, ours, theirs) => {
      expect(theirs, title).not.toHaveProperty("error");
      expect([title, encode(ours())]).toEqual([title, theirs]);
    });
  });

  test("refuse what PyTorch's refuse", () => {
    compare(REFUSED, (title, ours, theirs) => {
      expect(theirs, title).toHaveProperty("error");
      expect(ours, title).toThrow(DgsamError);
    });
  });

  // PyTorch's packets take a number for a boolean there, torch.std does not; nor do we.
  test("a number is no boolean: std(t, 0) is along dimension 0, as torch.std has it", () => {
    compare([["std(t, [0])", ({ t }) => aten.std(t, 0)]], (title, ours, theirs) => expect([title, encode(ours())]).toEqual([title, theirs]));
  });
});
