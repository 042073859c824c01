import { compareAlgorithms, MLP, type CompareConfig, type RunRecord, type Tensor } from "dgsam";
import { describe, expect, test } from "vitest";
import { expectError } from "../optim/support.js";
import { points, SETTINGS } from "./points.js";

describe("a comparison", () => {
  const compare = async (targets?: string[], eager = false) => {
    const records: RunRecord[] = [];
    const events = compareAlgorithms({ ...SETTINGS, dataset: points(), algorithms: ["ERM", "SAM", "DGSAM"], eager, makeModel: () => new MLP([4, 8, 2]), ...(targets === undefined ? {} : { targets }) });
    for await (const event of events) if (event.type === "run") records.push({ ...event.record, medianStepSeconds: 0, waitingShare: 0 });
    return records;
  };

  test("holds each domain out once per algorithm, and repeats itself", async () => {
    const records = await compare();
    expect(records.map((each) => `${each.algorithm} ${each.target}`)).toEqual(["0", "1", "2"].flatMap((d) => ["ERM", "SAM", "DGSAM"].map((name) => `${name} site ${d}`)));
    expect(records.map((each) => each.idealCost)).toEqual(Array.from({ length: 3 }, () => [1, 2, 1.5]).flat());
    expect(await compare()).toEqual(records);
    expect(await compare(["site 1"])).toEqual(records.slice(3, 6));
  });

  test("gives the same numbers when the model is called in every pass, and says which it did", async () => {
    const [captured, eager] = [await compare(["site 1"], false), await compare(["site 1"], true)];
    expect(captured.map(({ mode }) => mode)).toEqual(["captured", "captured", "captured"]);
    expect(eager.map(({ mode }) => mode)).toEqual(["eager", "eager", "eager"]);
    expect(eager.map((each) => ({ ...each, mode: "captured" }))).toEqual(captured);
  });

  test("says why a model was not captured", async () => {
    class Reading extends MLP {
      override forward(x: Tensor): Tensor {
        return super.forward(x).div(Number(x.abs().max().item()));
      }
    }
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once("warning", resolve));
    const config: CompareConfig = { ...SETTINGS, dataset: points(), algorithms: ["ERM"], targets: ["site 0"], makeModel: () => new Reading([4, 2]) };
    for await (const event of compareAlgorithms(config))
      if (event.type === "run") expect(event.record).toMatchObject({ mode: "eager", notCaptured: "it reads the value of a tensor by item()" });
    expect(await warned).toMatchObject({ name: "DgsamWarning", code: "WARN_CAPTURE" });
  });

  test("starts all algorithms of a target from the same weights and minibatches", async () => {
    const losses: Record<string, number> = {};
    const config: CompareConfig = { ...SETTINGS, steps: 1, dataset: points(), algorithms: ["ERM", "SAM"], targets: ["site 0"], makeModel: () => new MLP([4, 8, 2]) };
    for await (const event of compareAlgorithms(config)) if (event.type === "step") losses[event.algorithm] = event.loss;
    expect(losses["SAM"]).toBe(losses["ERM"]);
    for await (const event of compareAlgorithms({ ...config, seed: 2 })) if (event.type === "step") expect(event.loss).not.toBe(losses["ERM"]);
  });

  test("checks everything at the call, before it trains", () => {
    const call = (changes: object) => () =>
      compareAlgorithms({ ...SETTINGS, dataset: points(), algorithms: ["ERM"], makeModel: () => expect.fail("no model is made"), ...changes });
    expectError(call({ targets: ["site 0", "site 9"] }), "ERR_ARGUMENT", /"site 0", "site 1", "site 2", got the string "site 9"/);
    expectError(call({ targets: ["site 0", "site 0"] }), "ERR_ARGUMENT", /^compareAlgorithms: targets: expected an array of names of domains, each once/);
    expectError(call({ algorithms: ["ERM", "SAM", "ERM"] }), "ERR_ARGUMENT", /algorithms: .*, each once, got "ERM" twice$/);
    expectError(call({ targets: [] }), "ERR_ARGUMENT", /targets: .* got an array of length 0/);
    expectError(call({ algorithms: ["ERM", "toString"] }), "ERR_ARGUMENT", /algorithms: expected an array out of ERM, SAM, ASAM, GSAM, SAGM, DISAM, LookSAM, DGSAM, each once, got an array with the string "toString" in it/);
    expectError(call({ algorithms: [] }), "ERR_ARGUMENT", /algorithms: /);
    expectError(() => compareAlgorithms(undefined as never), "ERR_ARGUMENT", /^compareAlgorithms: config: expected an object of settings, got undefined$/);
    expectError(call({ dataset: { ...points(), domains: [undefined] } }), "ERR_ARGUMENT", /dataset: expected a DomainDataset/);
    expectError(call({ dataset: {}, steps: -1 }), "ERR_ARGUMENT", /steps: .*; dataset: expected a DomainDataset/);
  });

  test("an error tells which run it was, and comes after the finished ones", async () => {
    const finished: string[] = [];
    const run = async () => {
      const dataset = points();
      for await (const event of compareAlgorithms({ ...SETTINGS, dataset, algorithms: ["ERM", "SAM"], targets: ["site 1"], rho: 1e38, makeModel: () => new MLP([4, 8, 2]) }))
        if (event.type === "run") finished.push(event.record.algorithm);
    };
    await expect(run()).rejects.toMatchObject({ code: "ERR_NON_FINITE", message: expect.stringMatching(/^SAM with "site 1" held out: train: step 1 of SAM: domain "site [02]": the (loss|gradient|sum of gradients with that) is /) as string });
    expect(finished).toEqual(["ERM"]);
  });
});
