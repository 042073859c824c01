// The climb's operators that wait for nothing, on a device, against those of the CPU that wait. The same runs on the CPU, so that
// what is checked is checked itself where no device is.
import { cudaDeviceCount, ops, scope, tensor, zeros, type DType, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";

const { dgsam } = ops;
// Of float64: the norm counts weighted gradients of other rows, which LibTorch's operators round to float32.
const TOLERANCES = { float32: 1e-6, float64: 1e-8, bfloat16: 0.008, float16: 0.001 } as Record<DType, number>;
const RHO = 0.05;

type Kind = "dense" | "channels last" | "gradient in another order" | "lazily negated gradient" | "no gradient" | "empty" | "unaligned";
interface Spec {
  kind: Kind;
  shape: number[];
  dtype: DType;
}

let state = 1;
/** A number of a normal distribution's size and none of its finesse. */
function random(): number {
  state = (state * 48271) % 2147483647;
  return (state / 2147483647 - 0.5) * 3;
}

const numbers = (shape: number[]): number[] => Array.from({ length: shape.reduce((a, b) => a * b, 1) }, random);

/** One row of an operator's lists, twice: on the device and on the CPU. */
class Row {
  readonly here: Tensor[];
  readonly there: Tensor[];

  constructor(readonly spec: Spec, device: string) {
    const { kind, shape, dtype } = spec;
    const values = Array.from({ length: 4 }, () => numbers(shape));
    const make = (place: string): Tensor[] => {
      const lists = values.map((list) => {
        let made = tensor(list, { dtype }).reshape(shape).to(place);
        if (kind === "unaligned") made = ops.aten.cat([tensor([0], { dtype }).to(place), made.reshape([-1])], 0).slice(0, 1).reshape(shape);
        return kind === "channels last" ? made.to({ memoryFormat: "channels_last" }) : made;
      });
      const [param, grad, saved, sum] = lists as [Tensor, Tensor, Tensor, Tensor];
      param.requiresGrad_();
      if (kind === "gradient in another order") param.grad = grad.to({ memoryFormat: "channels_last" });
      else if (kind === "lazily negated gradient") param.grad = ops.aten["_neg_view.default"](grad);
      else if (kind !== "no gradient") param.grad = grad;
      return [param, saved, sum];
    };
    this.there = make(device);
    this.here = make("cpu");
  }
}

const SPECS: Spec[] = [
  ...(["float32", "float64", "bfloat16", "float16"] as const).flatMap((dtype): Spec[] => [
    { kind: "dense", shape: [7, 33], dtype },
    { kind: "dense", shape: [20_011], dtype },
    { kind: "channels last", shape: [4, 3, 5, 5], dtype },
    { kind: "gradient in another order", shape: [4, 3, 5, 5], dtype },
    { kind: "unaligned", shape: [1001], dtype },
    { kind: "lazily negated gradient", shape: [9], dtype },
    { kind: "no gradient", shape: [17], dtype },
    { kind: "empty", shape: [0, 3], dtype },
  ]),
  ...Array.from({ length: 300 }, (_, i): Spec => ({ kind: "dense", shape: [1 + (i % 11)], dtype: "float32" })),
];
const SETS: [string, Spec[]][] = [
  ...(["float32", "float64", "bfloat16", "float16"] as const).map((dtype): [string, Spec[]] => [dtype, SPECS.filter((spec) => spec.dtype === dtype)]),
  ["all of them", SPECS],
];

const lists = (rows: Row[], side: "here" | "there") => [0, 1, 2].map((i) => rows.map((row) => row[side][i]!)) as [Tensor[], Tensor[], Tensor[]];
const bits = (each: Tensor): string => Buffer.from(each.detach().cpu().contiguous().toBytes()).toString("hex");
const wide = (each: Tensor): number[] => [...each.detach().cpu().to("float64").contiguous().data()] as number[];

function checkClose(got: number[], wanted: number[], tolerance: number, what: string): void {
  expect(got.length).toBe(wanted.length);
  const wrong = got.findIndex((each, i) => !(Math.abs(each - wanted[i]!) <= tolerance * (Math.abs(wanted[i]!) + 1)));
  expect(wrong, `${what}[${wrong}]: ${got[wrong]}, not ${wanted[wrong]}`).toBe(-1);
}

/** Everything of both sides alike. */
function checkRows(rows: Row[]): void {
  for (const { spec, here, there } of rows) {
    const tolerance = TOLERANCES[spec.dtype]!;
    ["param", "saved", "sum"].forEach((name, i) => checkClose(wide(there[i]!), wide(here[i]!), tolerance, `${name} of ${spec.kind}, ${spec.dtype}`));
    expect(there[0]!.grad === null).toBe(here[0]!.grad === null);
    if (here[0]!.grad !== null) checkClose(wide(there[0]!.grad!), wide(here[0]!.grad), tolerance, `gradient of ${spec.kind}, ${spec.dtype}`);
  }
}

describe.each(["cpu", "cuda"])("on %s", (device) => {
  const missing = device === "cuda" && cudaDeviceCount() === 0;
  const title = missing ? "left out, for want of a CUDA device: " : "";
  const ledger = () => zeros([6], { dtype: "float64", device });
  const onDevice = (radii: number[]) => radii.map((radius) => tensor(radius, { dtype: "float64" }).to(device));

  describe.skipIf(missing).each(SETS)(`${title}%s`, (_name, specs) => {
    const precision = specs.every(({ dtype }) => dtype === "float64") ? 1e-12 : 1e-5;
    const rows = () => specs.map((spec) => new Row(spec, device));

    test.each([
      ["plain", false, null, 0],
      ["with a shift", false, null, -0.001],
      ["adaptive", true, null, 0],
      ["adaptive with eta", true, 0.01, 0],
    ] as const)("climb_: %s", (_form, adaptive, eta, shift) =>
      scope(() => {
        const all = rows();
        const noted = ledger();
        const rho = specs.map((_, i) => RHO * (1 + (i % 3)));
        for (const [at, first] of [[1, true], [2, false]] as const) {
          const gradients = dgsam["climb_.late"](...lists(all, "there"), onDevice(rho), first, adaptive, eta, shift, null, noted, at);
          const [norm, wanted] = dgsam["climb_.default"](...lists(all, "here"), rho, first, adaptive, eta, shift, null) as unknown as [number, number];
          expect(gradients).toBe(wanted);
          checkClose(wide(noted.get(at)), [norm], precision, "norm");
        }
        expect(noted.get(0).item()).toBe(0);
        checkRows(all);
      }));

    test("accumulate_", () =>
      scope(() => {
        const all = rows();
        const noted = ledger();
        for (const [at, first] of [[1, true], [2, false]] as const) {
          const [params, , sums] = lists(all, "there");
          const [hereParams, , hereSums] = lists(all, "here");
          const gradients = dgsam["accumulate_.late"](params, sums, first, noted, at);
          const [norm, wanted] = dgsam["accumulate_.default"](hereParams, hereSums, first) as unknown as [number, number];
          expect(gradients).toBe(wanted);
          checkClose(wide(noted.get(at)), [norm], precision, "norm");
        }
        checkRows(all);
      }));

    test.each(["gather_", "gather_ without sums", "gather_ that only restores", "gather_orthogonal_"])("%s", (form) =>
      scope(() => {
        const all = rows();
        const noted = ledger();
        const [params, saved, sums] = lists(all, "there");
        const [hereParams, hereSaved, hereSums] = lists(all, "here");
        const withSums = form !== "gather_ without sums" && form !== "gather_ that only restores";
        const scales: [number, number] = form === "gather_ that only restores" ? [0, 1] : [0.75, -0.5];
        const gradients = form === "gather_orthogonal_"
          ? dgsam["gather_orthogonal_.late"](params, saved, sums, 0.4, 8, noted, 1)
          : dgsam["gather_.late"](params, saved, withSums ? sums : [], ...scales, noted, 1);
        const [norm, made, wanted] = (form === "gather_orthogonal_"
          ? dgsam["gather_orthogonal_.default"](hereParams, hereSaved, hereSums, 0.4, 8)
          : dgsam["gather_.default"](hereParams, hereSaved, withSums ? hereSums : [], ...scales)) as unknown as [number, number, number];
        expect(gradients).toBe(wanted);
        checkClose(wide(noted).slice(0, 3), [0, norm, made], Math.max(precision, specs.some(({ dtype }) => dtype === "bfloat16") ? 1e-3 : 0), "ledger");
        checkRows(all);
      }));

    test("restore_: the saved ones' bits, and nothing beside them", () =>
      scope(() => {
        const all = rows();
        const [params, saved] = lists(all, "there");
        const gradients = params.map(({ grad }) => grad === null ? null : wide(grad));
        dgsam["restore_.default"](params, saved);
        params.forEach((param, i) => {
          expect(bits(param)).toBe(bits(saved[i]!));
          expect(param.grad === null ? null : wide(param.grad)).toEqual(gradients[i]);
        });
        // What lies before an unaligned one in its memory.
        all.forEach(({ spec }, i) => spec.kind === "unaligned" && expect(params[i]!.detach().asStrided([1], [1], 0).item()).toBe(0));
      }));

    test.each([NaN, Infinity])("a gradient of %d stops the step: its place is noted, the first one stays, all is saved and brought back", (bad) =>
      scope(() => {
        const all = rows();
        const noted = ledger();
        const [params, saved, sums] = lists(all, "there");
        const before = params.map(wide);
        const rho = specs.map(() => RHO);
        dgsam["climb_.late"](params, saved, sums, onDevice(rho), true, false, null, 0, null, noted, 1);
        expect(noted.get(0).item()).toBe(0);
        const spoilt = params.find((each) => each.grad !== null && each.numel > 0)!;
        ops.aten["fill_.Scalar"](spoilt.grad!, bad);
        dgsam["climb_.late"](params, saved, sums, onDevice(rho), false, false, null, 0, null, noted, 2);
        dgsam["accumulate_.late"](params, sums, false, noted, 3);
        const [stop, finite, ...others] = wide(noted);
        expect(stop).toBe(2);
        expect(finite).toBeGreaterThan(0);
        expect(others.slice(0, 2).some(Number.isFinite)).toBe(false);
        dgsam["gather_.late"](params, saved, sums, 1, 1, noted, 4);
        expect(noted.get(0).item()).toBe(2);
        expect(params.map(wide)).toEqual(before);
      }));
  });

  describe.skipIf(missing)(`${title}numbers and buffers`, () => {
    test("note_ notes a mean, of any dtypes, and a number that is not finite stops", () =>
      scope(() => {
        const noted = ledger();
        const values = [
          tensor(1.5, { device }), tensor([2], { dtype: "bfloat16", device }), tensor(4, { dtype: "float64", device }), tensor(3n, { device }),
          tensor(0.5, { dtype: "float16", device }),
        ];
        dgsam.note_(values, noted, 3);
        expect(wide(noted)).toEqual([0, 0, 0, 2.2, 0, 0]);
        dgsam.note_([...values, tensor(Infinity, { device })], noted, 2);
        dgsam.note_([tensor(NaN, { device })], noted, 1);
        expect(wide(noted)).toEqual([2, NaN, Infinity, 2.2, 0, 0]);
      }));

    test("revert_ does nothing until the step has stopped, then brings all back, bit for bit", () =>
      scope(() => {
        const noted = ledger();
        const make = (start: number) => [
          tensor(Array.from({ length: 70_001 }, (_, i) => start + i), { device }),
          tensor([BigInt(start)], { device }),
          tensor(Array.from({ length: 24 }, (_, i) => start - i), { dtype: "float64", device }).reshape([4, 6]).t(),
          tensor([start > 0, start < 0], { device }),
        ];
        const tensors = make(1) as Tensor[];
        const saved = make(-1) as Tensor[];
        dgsam.revert_(tensors, saved, noted);
        expect(tensors.map(wide)).toEqual((make(1) as Tensor[]).map(wide));
        dgsam.note_([tensor(NaN, { device })], noted, 1);
        dgsam.revert_(tensors, saved, noted);
        expect(tensors.map(wide)).toEqual(saved.map(wide));
      }));
  });
});
