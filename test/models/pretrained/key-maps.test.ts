/** All of timm's names map to all of ours. */

import { makeModel } from "dgsam";
import { describe, expect, test } from "vitest";
import { keyMap, sourceOf } from "../../../lib/models/pretrained/key-maps.js";
import { TIMM } from "./timm-keys.js";

describe("timm's names", () => {
  test.each(TIMM)("%s", (name, keys, count) => {
    expect(keys.length).toBe(count);
    expect(sourceOf(keys)).toBe("timm");
    const model = makeModel(name);
    expect(keys.map(keyMap(name, "timm", keys)).sort()).toEqual(Object.keys(model.stateDict()).sort());
    model.dispose();
  });
});

test("torchvision's and the package's names are the networks' own; torchvision's older vision transformers are known", () => {
  const keys = ["encoder.layers.encoder_layer_0.mlp.linear_1.weight", "encoder.layers.encoder_layer_0.mlp.linear_2.bias", "conv_proj.weight"];
  expect(sourceOf(keys)).toBe("torchvision");
  expect(keys.map(keyMap("vit_b_16", "torchvision", keys))).toEqual(["encoder.layers.encoder_layer_0.mlp.0.weight", "encoder.layers.encoder_layer_0.mlp.3.bias", "conv_proj.weight"]);
  expect(sourceOf(["_conv_stem.weight", "_blocks.0._bn1.weight"])).toBe("efficientnet_lite");
  expect(sourceOf(["conv1.weight", "layer1.0.conv1.weight"])).toBe("torchvision");
});
