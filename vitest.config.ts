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
    // Native code may end its process. Two at a time: half of the tests' time is spent in one thread, or waiting for Python.
    pool: "forks",
    maxWorkers: 2,
    globalSetup: "test/setup/oracle.ts",
    testTimeout: 60_000,
    hookTimeout: 300_000,
  },
});
