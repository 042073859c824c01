/** When a step that is one native call is taken once more: memory ran out in it, and nothing of it is left. Of real shortages see test/native/memory.test.ts. */
import { capture, crossEntropy, DGSAM, DgsamError, LookSAM, manualSeed, scope, SGD, type Tensor } from "dgsam";
import { afterEach, expect, test, vi } from "vitest";
import { Commands } from "../../../lib/tensor/internal.js";
import type { AnyWrapper } from "../sharpness/family.js";
import { expectError, stateBits } from "../support.js";
import { drawBatches, NETS } from "./nets.js";

afterEach(() => void vi.restoreAllMocks());

const SHORT = { device: "cpu", requested: 8, allocated: 1, reserved: undefined, free: 4, total: 16 };
const shortage = (memory: object = SHORT): DgsamError => new DgsamError("ERR_OOM", "made", { memory: memory as never });

/** Steps of the same batches, and everything that they come to. */
function take(Wrapper: AnyWrapper, options: object, steps: number): unknown {
  return scope(() => {
    manualSeed(1);
    const model = NETS.mlp.make() as { forward(x: Tensor): Tensor; parameters(): Tensor[] };
    const optimizer = new Wrapper(model.parameters(), SGD, { lr: 0.05, momentum: 0.9, ...options });
    const loss = capture((x: Tensor, y: Tensor) => crossEntropy(model.forward(x), y));
    const told = Array.from({ length: steps }, () => ({ ...optimizer.step(drawBatches(NETS.mlp).map(({ x, y }) => loss.on(x, y))) }));
    return stateBits([told, model.parameters(), optimizer.stateDict()]);
  });
}

/** Has the calls of these numbers, from 0, fail before they begin. */
function failing(numbers: readonly number[], error = shortage()) {
  const { run } = Commands.prototype;
  let calls = 0;
  return vi.spyOn(Commands.prototype, "run").mockImplementation(function (this: Commands) {
    if (numbers.includes(calls++)) throw error;
    return run.call(this);
  });
}

const WRAPPERS = [["DGSAM", DGSAM, { seed: 3 }], ["LookSAM", LookSAM, { k: 2 }]] as unknown as [string, AnyWrapper, object][];
const CASES = WRAPPERS.flatMap(([name, Wrapper, options]) => (["sync", "late"] as const).map((check) => [name, check, Wrapper, { ...options, check }] as const));

test.each(CASES)("%s, check %s: a repeated step is the step that would have been", (_name, _check, Wrapper, options) => {
  const expected = take(Wrapper, options, 8);
  const spy = failing([1, 4, 6]);
  expect(take(Wrapper, options, 8)).toEqual(expected);
  expect(spy.mock.results.filter(({ type }) => type === "throw").length).toBe(3);
});

test("it is repeated once, and not for more than there is nor for another failure", () => {
  const attempts = (numbers: readonly number[], error?: DgsamError): number => {
    const spy = failing(numbers, error);
    expectError(() => take(DGSAM as never, { check: "sync" }, 4), error?.code ?? "ERR_OOM", /made/);
    vi.restoreAllMocks();
    return spy.mock.results.filter(({ type }) => type === "throw").length;
  };
  expect(attempts([1, 2])).toBe(2);
  expect(attempts([1], shortage({ ...SHORT, requested: 32 }))).toBe(1);
  expect(attempts([1], new DgsamError("ERR_NATIVE", "made"))).toBe(1);
});
