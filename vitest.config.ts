import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const lib = (file: string) => fileURLToPath(new URL(`lib/${file}`, import.meta.url));

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Tests import the package as users do; "dgsam" is lib/ here. Worker and exit tests run the compiled package.
    alias: [
      { find: /^dgsam$/, replacement: lib("index.ts") },
      { find: /^dgsam\/reference$/, replacement: lib("reference/index.ts") },
    ],
    // Native code may end its process.
    pool: "forks",
    maxWorkers: 2,
    // Tests that are about threads ask for them. Where the two at work had several each, these would wait for one another.
    env: { OMP_NUM_THREADS: process.env["OMP_NUM_THREADS"] ?? "1" },
    globalSetup: "test/setup/oracle.ts",
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
