/**
 * Names of weights in timm and in torchvision's older files, turned into those of our networks.
 *
 * timm (huggingface/pytorch-image-models) names parts by what they do, torchvision by their place. Some of timm's tensors have
 * dimensions of size 1 that ours lack, or lack such: those are reshaped, nothing else is.
 */

/** How the keys of a weight file are called. */
export type PretrainedSource = "torchvision" | "timm" | "efficientnet_lite";

type Rename = (key: string) => string;

// How many blocks timm's stages have.
const STAGES: Readonly<Record<string, readonly number[]>> = {
  mobilenet_v3_large: [1, 2, 3, 4, 2, 3],
  mobilenet_v3_small: [1, 2, 3, 2, 3],
  efficientnet_lite0: [1, 2, 2, 3, 3, 4, 1],
};

const BLOCK = /^blocks\.(\d+)\.(\d+)\.(conv_pwl|conv_pw|conv_dw|conv|se\.conv_reduce|se\.conv_expand|bn\d)\.(.+)$/;

/** The place of a block among all. */
function placeOf(name: string, stage: number, block: number): number {
  return STAGES[name]!.slice(0, stage).reduce((sum, count) => sum + count, 0) + block;
}

/** What a part of timm's block does: blocks without expansion have a depthwise convolution first. */
function roleOf(part: string, expands: boolean): { step: "expand" | "depthwise" | "squeeze" | "project"; isNorm: boolean } {
  const names = expands ? ({ conv_pw: "expand", bn1: "expand", conv_dw: "depthwise", bn2: "depthwise", conv_pwl: "project", bn3: "project" } as const)
    : ({ conv_dw: "depthwise", bn1: "depthwise", conv_pw: "project", bn2: "project" } as const);
  return { step: (names as Record<string, "expand" | "depthwise" | "project">)[part] ?? "squeeze", isNorm: part.startsWith("bn") };
}

/** torchvision's name of a part of a block: its steps are numbered, without those that there are not. */
function torchvisionPart(part: string, rest: string, expands: boolean, squeezes: boolean): string {
  const { step, isNorm } = roleOf(part, expands);
  const steps = [...(expands ? ["expand"] : []), "depthwise", ...(squeezes ? ["squeeze"] : []), "project"];
  const place = `block.${steps.indexOf(step)}`;
  if (step === "squeeze") return `${place}.${part === "se.conv_reduce" ? "fc1" : "fc2"}.${rest}`;
  return `${place}.${isNorm ? 1 : 0}.${rest}`;
}

function litePart(part: string, rest: string, expands: boolean): string {
  const { step, isNorm } = roleOf(part, expands);
  const [conv, norm] = { expand: ["_expand_conv", "_bn0"], depthwise: ["_depthwise_conv", "_bn1"], project: ["_project_conv", "_bn2"], squeeze: ["", ""] }[step];
  return `${isNorm ? norm : conv}.${rest}`;
}

function timmEfficient(name: string, keys: readonly string[]): Rename {
  const has = new Set(keys);
  const isMobileNet = name.startsWith("mobilenet");
  const isLite = name === "efficientnet_lite0";
  const last = isMobileNet ? STAGES[name]!.reduce((sum, count) => sum + count, 1) : 8;
  const tops: [string, string][] = isLite
    ? [["conv_stem.", "_conv_stem."], ["bn1.", "_bn0."], ["conv_head.", "_conv_head."], ["bn2.", "_bn1."], ["classifier.", "_fc."]]
    : [["conv_stem.", "features.0.0."], ["bn1.", "features.0.1."], ...(isMobileNet
      ? ([["conv_head.", "classifier.0."], ["classifier.", "classifier.3."]] as [string, string][])
      : ([["conv_head.", `features.${last}.0.`], [`bn2.`, `features.${last}.1.`], ["classifier.", "classifier.1."]] as [string, string][]))];
  return (key) => {
    const top = tops.find(([prefix]) => key.startsWith(prefix));
    if (top !== undefined) return top[1] + key.slice(top[0].length);
    const [, stage, block, part, rest] = BLOCK.exec(key) ?? [];
    if (stage === undefined || block === undefined || part === undefined || rest === undefined) return key;
    const own = `blocks.${stage}.${block}`;
    if (isMobileNet && has.has(`${own}.conv.weight`)) return `features.${last}.${part === "conv" ? 0 : 1}.${rest}`;
    const expands = has.has(`${own}.conv_pwl.weight`);
    if (isLite) return `_blocks.${placeOf(name, Number(stage), Number(block))}.${litePart(part, rest, expands)}`;
    const inner = torchvisionPart(part, rest, expands, has.has(`${own}.se.conv_reduce.weight`));
    return isMobileNet ? `features.${placeOf(name, Number(stage), Number(block)) + 1}.${inner}` : `features.${Number(stage) + 1}.${block}.${inner}`;
  };
}

/** Replaces each pattern in turn. */
function byPatterns(patterns: readonly (readonly [RegExp, string | ((...groups: string[]) => string)])[]): Rename {
  return (key) => patterns.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement as string), key);
}

const TIMM_VIT = byPatterns([
  [/^cls_token$/, "class_token"], [/^pos_embed$/, "encoder.pos_embedding"], [/^patch_embed\.proj\./, "conv_proj."], [/^norm\./, "encoder.ln."], [/^head\./, "heads.head."],
  [/^blocks\.(\d+)\./, "encoder.layers.encoder_layer_$1."], [/\.norm([12])\./, ".ln_$1."], [/\.attn\.qkv\./, ".self_attention.in_proj_"], [/\.attn\.proj\./, ".self_attention.out_proj."],
  [/\.mlp\.fc1\./, ".mlp.0."], [/\.mlp\.fc2\./, ".mlp.3."],
]);

const TIMM_CONVNEXT = byPatterns([
  [/^stem\./, "features.0."], [/^head\.norm\./, "classifier.0."], [/^head\.fc\./, "classifier.2."],
  [/^stages\.(\d+)\.downsample\./, (_, stage) => `features.${2 * Number(stage)}.`],
  [/^stages\.(\d+)\.blocks\.(\d+)\./, (_, stage, block) => `features.${2 * Number(stage) + 1}.${block}.`],
  [/\.conv_dw\./, ".block.0."], [/\.norm\./, ".block.2."], [/\.mlp\.fc1\./, ".block.3."], [/\.mlp\.fc2\./, ".block.5."], [/\.gamma$/, ".layer_scale"],
]);

// torchvision's own loader does the same with files from before its release 0.14.
const TORCHVISION_VIT = byPatterns([[/\.mlp\.linear_1\./, ".mlp.0."], [/\.mlp\.linear_2\./, ".mlp.3."]]);

const same: Rename = (key) => key;

/** Whose keys these are, by some that only one of them has. */
export function sourceOf(keys: readonly string[]): PretrainedSource {
  if (keys.some((key) => /^_(blocks|conv_stem)\b/.test(key))) return "efficientnet_lite";
  if (keys.some((key) => /^(conv_stem|cls_token|patch_embed\.|stem\.|stages\.)/.test(key))) return "timm";
  return "torchvision";
}

/** From the keys of a file to those of the network of a name. */
export function keyMap(name: string, source: PretrainedSource, keys: readonly string[]): Rename {
  if (source === "torchvision") return name.startsWith("vit_") ? TORCHVISION_VIT : same;
  if (source === "efficientnet_lite") return same;
  if (name.startsWith("vit_")) return TIMM_VIT;
  if (name.startsWith("convnext_")) return TIMM_CONVNEXT;
  return /^(mobilenet|efficientnet)_/.test(name) ? timmEfficient(name, keys) : same;
}
