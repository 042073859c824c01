import { describe, expect, it } from "vitest";
import { findGpus, kernelsFor } from "../../install/gpus.mjs";
import { makeCommands } from "./fakes.js";

describe("findGpus", () => {
  const ask = (script: string) => findGpus({ PATH: makeCommands({ "nvidia-smi": script }) });
  it("tells names and compute capabilities", async () => {
    expect(await ask(`[ "$*" = "--query-gpu=name,compute_cap --format=csv,noheader" ] && printf 'NVIDIA H200, 9.0\\nGPU, with a comma, 10.3\\n'`)).toEqual([
      { name: "NVIDIA H200", capability: "9.0" },
      { name: "GPU, with a comma", capability: "10.3" },
    ]);
  });
  it("is empty where nvidia-smi is missing or fails", async () => {
    expect(await findGpus({ PATH: "/nowhere" })).toEqual([]);
    expect(await ask("echo broken; exit 9")).toEqual([]);
  });

  it("does not wait for one that hangs, nor for what it leaves behind", async () => {
    const began = performance.now();
    const PATH = `${makeCommands({ "nvidia-smi": "sleep 20 & sleep 20" })}:${process.env["PATH"]}`;
    expect(await findGpus({ PATH }, 200)).toEqual([]);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

describe("what of the kernels serves a GPU", () => {
  const usual = ["80", "90", "100", "120+PTX"];
  it.each([
    ["8.0", usual, "binary"],
    ["8.9", usual, "binary"],
    ["9.0", usual, "binary"],
    ["10.3", usual, "binary"],
    ["11.0", usual, null],
    ["12.1", usual, "binary"],
    ["13.0", usual, "ptx"],
    ["7.5", usual, null],
    ["8.0", ["86"], null],
    ["8.7", ["86"], "binary"],
    ["9.0", ["80"], null],
    ["9.0", ["80+PTX"], "ptx"],
    ["9.0", ["90a"], "binary"],
    ["9.1", ["90a"], null],
    ["10.0", ["90a+PTX"], null],
  ] as const)("%s of %o: %s", (capability, archs, expected) => expect(kernelsFor(capability, archs)).toBe(expected));
});
