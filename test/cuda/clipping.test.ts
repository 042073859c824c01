/** Clipping within graphs: to the bits of steps without, where some gradients are clipped and others are not. */
import { Adam, AdamW, DGSAM, SAM, SGD } from "dgsam";
import { expect, test } from "vitest";
import { STEPS, take, type Told } from "./graph-problem.js";
import { describeWithNvcc } from "./support.js";

const CASES = [["DGSAM over SGD", DGSAM, SGD, { lr: 0.01, momentum: 0.9 }], ["DGSAM over Adam", DGSAM, Adam, { lr: 0.001 }], ["SAM over AdamW", SAM, AdamW, { lr: 0.001 }]] as const;

const elements = ({ gradients }: Told): number[] => (gradients as string[]).flatMap((hex) => [...new Float32Array(Uint8Array.from(Buffer.from(hex, "hex")).buffer)]);
const normOf = (told: Told): number => Math.hypot(...elements(told));
const largestOf = (told: Told): number => Math.max(...elements(told).map(Math.abs));
const MEASURES = { clipGradNorm: normOf, clipGradValue: largestOf };
const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[list.length >> 1]!;

describeWithNvcc("clipping within graphs", () => {
  test.each((["clipGradNorm", "clipGradValue"] as const).flatMap((option) => CASES.map((each) => [option, ...each] as const)))(
    "%s, %s: the steps that are taken without", (option, _, Wrapper, Base, options) => {
      const measure = MEASURES[option];
      // Half of the steps are clipped.
      const unclipped = take(false, Wrapper, Base, options).told;
      const greatest = median(unclipped.map(measure));
      const [without, by] = ([false, "auto"] as const).map((graphs) => take(graphs, Wrapper, Base, { ...options, [option]: greatest })) as [ReturnType<typeof take>, ReturnType<typeof take>];
      without.told.forEach((expected, step) => expect(by.told[step], `step ${step}`).toEqual(expected));
      expect(by.graphs).toMatchObject({ captured: 1, recaptured: 0, graphs: 1, refused: [] });
      expect(by.graphs.replayed).toBeGreaterThan(STEPS - 8);
      const replayed = by.told.slice(8).map((each) => measure(each) / greatest);
      expect(Math.max(...replayed)).toBeLessThan(1 + 1e-5);
      expect(replayed.filter((each) => each > 1 - 1e-4).length).toBeGreaterThan(1);
      expect(replayed.filter((each) => each < 1 - 1e-3).length).toBeGreaterThan(1);
    });

  test("both: the steps that are taken without, and not those of either alone", () => {
    const [norm, value] = [{ clipGradNorm: 0.5 }, { clipGradValue: 0.05 }];
    const by = (graphs: "auto" | false, clipping: object) => take(graphs, DGSAM, Adam, { lr: 0.001, ...clipping });
    const [without, graphs] = [by(false, { ...norm, ...value }), by("auto", { ...norm, ...value })];
    without.told.forEach((expected, step) => expect(graphs.told[step], `step ${step}`).toEqual(expected));
    expect(graphs.graphs.replayed).toBeGreaterThan(STEPS - 8);
    for (const one of [norm, value]) expect(by(false, one).told.at(-1)!.gradients).not.toEqual(without.told.at(-1)!.gradients);
  });
});
