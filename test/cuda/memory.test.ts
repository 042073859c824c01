import { spawnSync } from "node:child_process";
import { setImmediate } from "node:timers/promises";
import { capture, emptyCache, memoryStats, ones, resetPeakMemoryStats, SAM, scope, SGD, synchronize, zeros, type AllocatorStats, type DgsamError, type Tensor } from "dgsam";
import { expect, test } from "vitest";
import { describeOnCuda } from "./support.js";

const MB = 2 ** 20;
const stats = (): AllocatorStats => memoryStats().devices["cuda:0"]!;
const onCuda = (bytes: number): Tensor => zeros([bytes / 4], { device: "cuda:0" });

function shortage(fn: () => unknown): DgsamError {
  try {
    fn();
  } catch (error) {
    return error as DgsamError;
  }
  throw new Error("expected an error");
}

describeOnCuda("device memory", () => {
  test("memoryStats tells the allocator's figures, and dispose and scopes give memory back", () => {
    onCuda(MB).dispose();
    const before = memoryStats();
    const { allocated, allocations } = stats();
    const x = onCuda(64 * MB);
    expect(memoryStats().bytes["cuda:0"]! - (before.bytes["cuda:0"] ?? 0)).toBe(64 * MB);
    expect(stats().allocated - allocated).toBe(64 * MB);
    expect(stats().allocations).toBe(allocations + 1);
    expect(stats().reserved).toBeGreaterThanOrEqual(stats().allocated);
    x.dispose();
    expect(stats().allocated).toBe(allocated);
    scope(() => {
      onCuda(64 * MB);
      expect(stats().allocated - allocated).toBe(64 * MB);
    });
    expect(stats().allocated).toBe(allocated);
    expect(memoryStats().handles).toBe(before.handles);
  });

  test("peaks stand until they are reset", () => {
    onCuda(96 * MB).dispose();
    const { peakAllocated, allocated } = stats();
    expect(peakAllocated - allocated).toBeGreaterThanOrEqual(96 * MB);
    resetPeakMemoryStats("cuda:0");
    expect(stats().peakAllocated).toBe(stats().allocated);
    onCuda(32 * MB).dispose();
    expect(stats().peakAllocated - stats().allocated).toBe(32 * MB);
    resetPeakMemoryStats();
    expect(stats().peakAllocated).toBe(stats().allocated);
  });

  test("emptyCache gives back what nobody uses", () => {
    onCuda(256 * MB).dispose();
    synchronize();
    const { reserved } = stats();
    emptyCache();
    expect(reserved - stats().reserved).toBeGreaterThanOrEqual(256 * MB);
  });

  test("what is more than the device has is an ERR_OOM with sizes, and less goes", () => {
    const error = shortage(() => onCuda(2 ** 45));
    expect(error).toMatchObject({ name: "DgsamError", code: "ERR_OOM", memory: { device: "cuda:0" } });
    const { requested, allocated, reserved, free, total } = error.memory!;
    expect(requested).toBe(2 ** 45);
    expect(reserved).toBeGreaterThanOrEqual(allocated!);
    expect(total).toBeGreaterThan(free!);
    expect(error.message).toMatch(/^aten::zeros\.default: can't allocate memory: you tried to allocate .* on cuda:0, which has .* free of .*; tensors take .*, of .* that LibTorch holds; take smaller batches/);
    expect(onCuda(MB).sum().item()).toBe(0);
  });

  test("what cudaMallocAsync has not is told alike", () => {
    const script = 'import { zeros } from "dgsam"; try { zeros([2 ** 43], { device: "cuda:0" }); } catch ({ code, memory }) { console.log(code, memory.device, memory.total > 0); }';
    const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8", env: { ...process.env, PYTORCH_CUDA_ALLOC_CONF: "backend:cudaMallocAsync" } });
    expect({ stdout, stderr }).toMatchObject({ stdout: "ERR_OOM cuda:0 true\n" });
  });

  test("memory that nobody refers to is collected when it runs out", () => {
    const error = shortage(() => onCuda(2 ** 45));
    // A quarter of what is free, so that the fifth needs one of the others gone; nothing is kept.
    const size = Math.floor(error.memory!.free! / 4 / MB) * MB;
    for (let i = 0; i < 12; i++) onCuda(size);
    const held: Tensor[] = [];
    // The control: what is referred to cannot be collected.
    expect(shortage(() => {
      for (let i = 0; i < 12; i++) held.push(onCuda(size));
    }).code).toBe("ERR_OOM");
    for (const each of held) each.dispose();
    emptyCache();
  });

  test("a step that does not fit leaves parameters as they were, and a smaller one goes", () => {
    const weight = ones([64, 64], { device: "cuda:0", requiresGrad: true });
    const optimizer = new SAM([weight], SGD, { lr: 0.1, rho: 0.05 });
    const step = (rows: number): unknown => scope(() => optimizer.step(() => ones([1, 64], { device: "cuda:0" }).expand(rows, 64).matmul(weight).pow(2).mean()));
    expect(shortage(() => step(2 ** 33)).code).toBe("ERR_OOM");
    expect(weight.sum().item()).toBe(4096);
    step(8);
    expect(weight.sum().item()).not.toBe(4096);
    weight.dispose();
  });

  test("a captured step that runs out of memory is taken once more when there is some, and else leaves all as it was", () => {
    const loss = capture((x: Tensor, w: Tensor) => x.matmul(w).pow(2).mean());
    const weight = onCuda(64 * 64 * 4).reshape([64, 64]).add(1).requiresGrad_();
    const optimizer = new SAM([weight], SGD, { lr: 0.1, rho: 0.05, graphs: false });
    emptyCache();
    const { free } = shortage(() => onCuda(2 ** 45)).memory!;
    // A step takes at least twice as much as its input, and some five times without programs.
    const x = onCuda(Math.floor(free! / 16 / MB) * MB).reshape([-1, 64]).add_(1);
    const step = () => scope(() => void optimizer.step(loss.on(x, weight)).losses);
    for (let i = 0; i < 3; i++) step();
    expect(loss.stats).toMatchObject({ programs: 1, refused: [] });
    emptyCache();
    const held: Tensor[] = [];
    const fill = (keep: (tensor: Tensor) => unknown): void => {
      for (let i = 0; i < 14; i++) keep(onCuda(Math.floor(free! / 16 / MB) * MB));
    };
    fill((each) => held.push(each));
    const before = weight.sum().item();
    expect(shortage(step).code).toBe("ERR_OOM");
    expect(weight.sum().item()).toBe(before);
    for (const each of held.splice(0)) each.dispose();
    emptyCache();
    // Which nobody refers to, but the collector has not heard of.
    fill(() => {});
    step();
    expect(weight.sum().item()).not.toBe(before);
    for (const each of [x, weight, loss, optimizer]) each.dispose();
    emptyCache();
  });

  test("the garbage collector is told of device memory", async () => {
    const before = memoryStats().handles;
    let most = 0;
    // 400 tensors of 64 MB that nobody frees: more than most devices have.
    for (let i = 0; i < 400; i++) {
      onCuda(64 * MB);
      if (i % 10 === 9) await setImmediate();
      most = Math.max(most, memoryStats().handles - before);
    }
    expect(most).toBeLessThan(200);
  });
});
