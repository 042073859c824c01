/** One small operator: what a call costs beside the arithmetic. */

import { manualSeed, randn, scope } from "dgsam";
import { local } from "../measure.mjs";

const CALLS_PER_SCOPE = 100;

/** @param {import("../run.mjs").Context} context */
export async function* operatorRows({ pytorch, compare }) {
  if (pytorch === null) return;
  manualSeed(0);
  const a = randn([16]);
  const b = randn([16]);
  const inScope = (iterations) => {
    const start = process.hrtime.bigint();
    for (let left = iterations; left > 0; left -= CALLS_PER_SCOPE) {
      const calls = Math.min(left, CALLS_PER_SCOPE);
      scope(() => {
        for (let i = 0; i < calls; i++) a.add(b);
      });
    }
    return Number(process.hrtime.bigint() - start) / 1e9;
  };
  // Finalizers run between macrotasks, so the loop outside a scope is short; what it leaves is freed between pairs.
  const options = { turn: 0.05 };
  yield { name: "16-element add inside a scope / PyTorch", value: await compare(inScope, pytorch.side("add"), options), goal: 0.7 };
  yield { name: "16-element add outside a scope / PyTorch", value: await compare(local(() => a.add(b)), pytorch.side("add"), options), goal: 1.0 };
}
