import { describe, expect, it } from "vitest";
import { inspectLibTorch } from "../../install/inspect.mjs";
import { readRecord } from "../../install/record.mjs";
import { makeLibTorch, temporaryFolder, type FakeLibTorch } from "./fakes.js";

const inspect = (options: FakeLibTorch) => inspectLibTorch(makeLibTorch(temporaryFolder(), options));

it("describes the LibTorch that the addon here was built against as its record does", () => {
  const { source, ...recorded } = readRecord()!.libtorch;
  expect(source).not.toBe("");
  expect(inspectLibTorch(recorded.root)).toEqual(recorded);
});

describe("variant", () => {
  it.each<[string, FakeLibTorch]>([
    ["cpu", { version: "2.13.0+cpu" }],
    ["cpu", { version: "2.13.0" }],
    ["cu130", { version: "2.13.0", cuda: "13.0" }],
    ["cu126", { version: "2.13.0+cu126", cuda: "12.6" }],
    ["cu130", { buildVersion: "2.13.0+cu130" }],
    ["cpu", {}],
    ["cuda", { libraries: ["torch", "torch_cpu", "torch_cuda", "c10"] }],
    ["rocm", { libraries: ["torch", "torch_cpu", "torch_hip", "c10"] }],
  ])("is %s for %o", (variant, options) => expect(inspect(options).variant).toBe(variant));
});

it("finds the libraries in lib, lib64 and Debian's folder", () => {
  for (const lib of ["lib", "lib64", "lib/x86_64-linux-gnu"]) {
    const found = inspect({ lib });
    expect(found.lib).toBe(`${found.root}/${lib}`);
  }
});

it.each(["2.7.0", "2.13.0", "2.15.1"])("accepts %s", (headers) => expect(inspect({ headers }).version).toBe(headers));

describe("refuses with ERR_LIBTORCH", () => {
  it.each<[string, FakeLibTorch, string]>([
    ["a folder without headers", { headers: null }, "no LibTorch headers in include/torch"],
    ["headers without libraries", { libraries: ["torch", "c10"] }, "headers of 2.13.0, but no libtorch_cpu.so and libc10.so in lib"],
    ["a version before 2.7", { headers: "2.6.0" }, "version 2.6.0 is too old, 2.7.0 or newer is supported"],
    ["another major version", { headers: "3.0.0" }, "version 3.0.0 is of an unknown major version"],
    ["headers and libraries of two versions", { headers: "2.12.0", version: "2.13.0+cpu" }, "the headers are of 2.12.0 but the libraries of 2.13.0+cpu"],
    ["the old C++ ABI", { abi: "pre-cxx11" }, "version 2.13.0 was built with the old C++ ABI (_GLIBCXX_USE_CXX11_ABI=0)"],
    ["a damaged library", { abi: "foreign" }, "libc10.so is damaged or foreign: c10::Error is not in it"],
  ])("%s", (_, options, text) => {
    expect(() => inspect(options)).toThrow(expect.objectContaining({ name: "InstallError", code: "ERR_LIBTORCH", message: expect.stringMatching(new RegExp(`^/.*: ${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`)) }));
  });
});
