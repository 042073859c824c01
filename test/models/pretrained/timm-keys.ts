/** The names are timm's (1.0.31), written down from its networks. */
import type { ModelName } from "dgsam";

const both = (name: string): string[] => [`${name}.weight`, `${name}.bias`];
const norm = (name: string): string[] => [...both(name), ...["running_mean", "running_var", "num_batches_tracked"].map((each) => `${name}.${each}`)];
const squeeze = (name: string): string[] => [...both(`${name}.se.conv_reduce`), ...both(`${name}.se.conv_expand`)];
const conv = (name: string): string[] => [`${name}.weight`];

function efficientBlocks(counts: readonly number[], squeezes: (stage: number) => boolean): string[] {
  return counts.flatMap((count, stage) => Array.from({ length: count }, (_, i) => `blocks.${stage}.${i}`).flatMap((block) => {
    const inner = squeezes(stage) ? squeeze(block) : [];
    if (stage === 0) return [...conv(`${block}.conv_dw`), ...norm(`${block}.bn1`), ...inner, ...conv(`${block}.conv_pw`), ...norm(`${block}.bn2`)];
    return [...conv(`${block}.conv_pw`), ...norm(`${block}.bn1`), ...conv(`${block}.conv_dw`), ...norm(`${block}.bn2`), ...inner, ...conv(`${block}.conv_pwl`), ...norm(`${block}.bn3`)];
  }));
}

const STEM = [...conv("conv_stem"), ...norm("bn1")];
const mobileNet = (counts: readonly number[], squeezes: (stage: number) => boolean): string[] =>
  [...STEM, ...efficientBlocks(counts, squeezes), ...conv(`blocks.${counts.length}.0.conv`), ...norm(`blocks.${counts.length}.0.bn1`), ...both("conv_head"), ...both("classifier")];
const efficientNet = (squeezes: boolean): string[] =>
  [...STEM, ...efficientBlocks([1, 2, 2, 3, 3, 4, 1], () => squeezes), ...conv("conv_head"), ...norm("bn2"), ...both("classifier")];
const vit = [
  "cls_token", "pos_embed", ...both("patch_embed.proj"), ...Array.from({ length: 12 }, (_, i) => `blocks.${i}`).flatMap((block) =>
    ["norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2"].flatMap((part) => both(`${block}.${part}`))), ...both("norm"), ...both("head"),
];
const convNext = [
  ...both("stem.0"), ...both("stem.1"), ...[3, 3, 9, 3].flatMap((count, stage) => [
    ...(stage === 0 ? [] : [...both(`stages.${stage}.downsample.0`), ...both(`stages.${stage}.downsample.1`)]),
    ...Array.from({ length: count }, (_, i) => `stages.${stage}.blocks.${i}`).flatMap((block) => [`${block}.gamma`, ...["conv_dw", "norm", "mlp.fc1", "mlp.fc2"].flatMap((part) => both(`${block}.${part}`))]),
  ]), ...both("head.norm"), ...both("head.fc"),
];

/** Our network, timm's keys of it, and how many they are. */
export const TIMM: readonly [name: ModelName, keys: readonly string[], count: number][] = [
  ["mobilenet_v3_large", mobileNet([1, 2, 3, 4, 2, 3], (stage) => [2, 4, 5].includes(stage)), 312],
  ["mobilenet_v3_small", mobileNet([1, 2, 3, 2, 3], (stage) => stage !== 1), 244],
  ["efficientnet_b0", efficientNet(true), 360],
  ["efficientnet_lite0", efficientNet(false), 296],
  ["vit_b_16", vit, 152],
  ["convnext_tiny", convNext, 182],
];
