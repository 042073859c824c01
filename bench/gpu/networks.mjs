/**
 * The networks of the GPU benchmark, as plain functions of `ops`: torchvision's ResNets (torchvision/models/resnet.py, stride in
 * the 3x3 convolution, batch norm in training mode) and DomainBed's MNIST_CNN. Parameters come in the order of PyTorch's
 * `parameters()`; torch_networks.py has the same networks.
 */

import { ones, ops, randn, zeros } from "dgsam";

const { aten } = ops;

/** Width, classes and image of a size; `repeats`: of a ResNet's blocks, at most so many a stage. */
export const SIZES = {
  full: { batch: 32, resnet: { width: 64, classes: 1000, image: 224, repeats: Infinity }, cnn: { width: 64, classes: 10, image: 28 } },
  tiny: { batch: 4, resnet: { width: 8, classes: 10, image: 64, repeats: 1 }, cnn: { width: 8, classes: 10, image: 12 } },
};

/** `make` puts a network together out of layers and returns its forward pass; `channels` and `image` are its input's. */
export const NETWORKS = [
  { key: "resnet50", name: "ResNet-50", channels: 3, of: (size) => size.resnet, make: (layers, size) => resnet(layers, bottleneck, [3, 4, 6, 3], size) },
  { key: "resnet18", name: "ResNet-18", channels: 3, of: (size) => size.resnet, make: (layers, size) => resnet(layers, basicBlock, [2, 2, 2, 2], size) },
  { key: "cnn", name: "MNIST_CNN", channels: 1, of: (size) => size.cnn, make: mnistCnn },
];

/**
 * What makes layers, each a function of its input, and keeps their parameters. Weights begin with normal values of variance
 * 2 / fan-out, biases with zeros.
 * @param {{ dtype?: "float32" | "float64", device?: string, channelsLast?: boolean }} placement
 */
export function newLayers({ channelsLast = false, ...placement }) {
  /** @type {import("dgsam").Tensor[]} */
  const parameters = [];
  const own = (tensor) => {
    parameters.push(tensor.requiresGrad_());
    return tensor;
  };
  const normal = (shape, variance) => randn(shape, placement).mul(Math.sqrt(variance));
  const laid = (tensor) => (channelsLast ? tensor.contiguous({ memoryFormat: "channels_last" }) : tensor);
  return {
    parameters,
    convolution(inputs, outputs, kernel, { stride = 1, bias = false } = {}) {
      const weight = own(laid(normal([outputs, inputs, kernel, kernel], 2 / (outputs * kernel * kernel))));
      const shift = bias ? own(zeros([outputs], placement)) : null;
      const padding = (kernel - 1) / 2;
      return (x) => aten["conv2d.default"](x, weight, shift, [stride, stride], [padding, padding]);
    },
    batchNorm(channels) {
      const [scale, shift] = [own(ones([channels], placement)), own(zeros([channels], placement))];
      const [mean, variance] = [zeros([channels], placement), ones([channels], placement)];
      return (x) => aten["batch_norm.default"](x, scale, shift, mean, variance, true, 0.1, 1e-5, true);
    },
    groupNorm(groups, channels) {
      const [scale, shift] = [own(ones([channels], placement)), own(zeros([channels], placement))];
      return (x) => aten["group_norm.default"](x, groups, scale, shift);
    },
    linear(inputs, outputs) {
      const [weight, bias] = [own(normal([outputs, inputs], 1 / inputs)), own(zeros([outputs], placement))];
      return (x) => aten["linear.default"](x, weight, bias);
    },
  };
}

const relu = aten["relu.default"];
/** On what nobody else needs, as torchvision does. */
const reluInPlace = aten["relu_.default"];
const add = aten["add_.Tensor"];

const inTurn = (...layers) => (x) => layers.reduce((value, layer) => layer(value), x);

/** What takes the place of the identity where shapes change. */
function shortcut({ convolution, batchNorm }, inputs, outputs, stride) {
  return stride === 1 && inputs === outputs ? (x) => x : inTurn(convolution(inputs, outputs, 1, { stride }), batchNorm(outputs));
}

function basicBlock(layers, inputs, width, stride) {
  const { convolution, batchNorm } = layers;
  const residual = inTurn(convolution(inputs, width, 3, { stride }), batchNorm(width), reluInPlace, convolution(width, width, 3), batchNorm(width));
  const identity = shortcut(layers, inputs, width, stride);
  return (x) => reluInPlace(add(residual(x), identity(x)));
}
basicBlock.expansion = 1;

function bottleneck(layers, inputs, width, stride) {
  const { convolution, batchNorm } = layers;
  const outputs = bottleneck.expansion * width;
  const residual = inTurn(
    ...[convolution(inputs, width, 1), batchNorm(width), reluInPlace],
    ...[convolution(width, width, 3, { stride }), batchNorm(width), reluInPlace],
    ...[convolution(width, outputs, 1), batchNorm(outputs)],
  );
  const identity = shortcut(layers, inputs, outputs, stride);
  return (x) => reluInPlace(add(residual(x), identity(x)));
}
bottleneck.expansion = 4;

function resnet(layers, block, repeats, { width, classes, repeats: most }) {
  const stem = inTurn(layers.convolution(3, width, 7, { stride: 2 }), layers.batchNorm(width), reluInPlace, (x) => aten["max_pool2d.default"](x, [3, 3], [2, 2], [1, 1]));
  const blocks = [];
  let inputs = width;
  for (const [stage, count] of repeats.entries()) {
    const stageWidth = width * 2 ** stage;
    for (let i = 0; i < Math.min(count, most); i++) {
      blocks.push(block(layers, inputs, stageWidth, stage > 0 && i === 0 ? 2 : 1));
      inputs = stageWidth * block.expansion;
    }
  }
  const classifier = layers.linear(inputs, classes);
  return (x) => classifier(inTurn(stem, ...blocks)(x).mean([2, 3]));
}

function mnistCnn(layers, { width, classes }) {
  const block = (inputs, outputs, stride) => [layers.convolution(inputs, outputs, 3, { stride, bias: true }), relu, layers.groupNorm(8, outputs)];
  const blocks = [...block(1, width, 1), ...block(width, 2 * width, 2), ...block(2 * width, 2 * width, 1), ...block(2 * width, 2 * width, 1)];
  const classifier = layers.linear(2 * width, classes);
  return (x) => classifier(inTurn(...blocks)(x).mean([2, 3]));
}
