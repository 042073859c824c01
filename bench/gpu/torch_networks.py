"""The networks of networks.mjs in plain PyTorch: the same layers in the same order, over a list of parameters."""

import math

import torch
import torch.nn.functional as F

SIZES = {
    "full": {"batch": 32, "resnet": {"width": 64, "classes": 1000, "image": 224, "repeats": math.inf}, "cnn": {"width": 64, "classes": 10, "image": 28}},
    "tiny": {"batch": 4, "resnet": {"width": 8, "classes": 10, "image": 64, "repeats": 1}, "cnn": {"width": 8, "classes": 10, "image": 12}},
}


class Layers:
    """Makes layers, each a function of its input, and keeps their parameters."""

    def __init__(self, channels_last=False, **placement):
        self.channels_last = channels_last
        self.placement = placement
        self.parameters = []

    def own(self, tensor):
        self.parameters.append(tensor.requires_grad_())
        return tensor

    def normal(self, *shape, variance):
        return torch.randn(shape, **self.placement) * math.sqrt(variance)

    def convolution(self, inputs, outputs, kernel, stride=1, bias=False):
        weight = self.normal(outputs, inputs, kernel, kernel, variance=2 / (outputs * kernel * kernel))
        if self.channels_last:
            # contiguous() would leave the strides of 1x1 weights as they are, and their gradients come with others.
            weight = weight.to(memory_format=torch.channels_last)
        self.own(weight)
        shift = self.own(torch.zeros(outputs, **self.placement)) if bias else None
        return lambda x: F.conv2d(x, weight, shift, stride, (kernel - 1) // 2)

    def batch_norm(self, channels):
        scale, shift = self.own(torch.ones(channels, **self.placement)), self.own(torch.zeros(channels, **self.placement))
        mean, variance = torch.zeros(channels, **self.placement), torch.ones(channels, **self.placement)
        return lambda x: F.batch_norm(x, mean, variance, scale, shift, True, 0.1, 1e-5)

    def group_norm(self, groups, channels):
        scale, shift = self.own(torch.ones(channels, **self.placement)), self.own(torch.zeros(channels, **self.placement))
        return lambda x: F.group_norm(x, groups, scale, shift)

    def linear(self, inputs, outputs):
        weight, bias = self.own(self.normal(outputs, inputs, variance=1 / inputs)), self.own(torch.zeros(outputs, **self.placement))
        return lambda x: F.linear(x, weight, bias)


def in_turn(*layers):
    def forward(x):
        for layer in layers:
            x = layer(x)
        return x

    return forward


def relu_in_place(x):
    return F.relu(x, inplace=True)


def shortcut(layers, inputs, outputs, stride):
    if stride == 1 and inputs == outputs:
        return lambda x: x
    return in_turn(layers.convolution(inputs, outputs, 1, stride), layers.batch_norm(outputs))


def added(residual, identity):
    return lambda x: relu_in_place(residual(x).add_(identity(x)))


def basic_block(layers, inputs, width, stride):
    first = layers.convolution(inputs, width, 3, stride), layers.batch_norm(width), relu_in_place
    residual = in_turn(*first, layers.convolution(width, width, 3), layers.batch_norm(width))
    return added(residual, shortcut(layers, inputs, width, stride)), width


def bottleneck(layers, inputs, width, stride):
    outputs = 4 * width
    first = layers.convolution(inputs, width, 1), layers.batch_norm(width), relu_in_place
    second = layers.convolution(width, width, 3, stride), layers.batch_norm(width), relu_in_place
    residual = in_turn(*first, *second, layers.convolution(width, outputs, 1), layers.batch_norm(outputs))
    return added(residual, shortcut(layers, inputs, outputs, stride)), outputs


def resnet(layers, block, repeats, size):
    width = size["width"]
    stem = in_turn(layers.convolution(3, width, 7, 2), layers.batch_norm(width), relu_in_place, lambda x: F.max_pool2d(x, 3, 2, 1))
    blocks = []
    inputs = width
    for stage, count in enumerate(repeats):
        for i in range(min(count, size["repeats"])):
            made, inputs = block(layers, inputs, width * 2**stage, 2 if stage > 0 and i == 0 else 1)
            blocks.append(made)
    classifier = layers.linear(inputs, size["classes"])
    features = in_turn(stem, *blocks)
    return lambda x: classifier(features(x).mean((2, 3)))


def mnist_cnn(layers, size):
    width = size["width"]

    def block(inputs, outputs, stride):
        return layers.convolution(inputs, outputs, 3, stride, bias=True), F.relu, layers.group_norm(8, outputs)

    blocks = in_turn(*block(1, width, 1), *block(width, 2 * width, 2), *block(2 * width, 2 * width, 1), *block(2 * width, 2 * width, 1))
    classifier = layers.linear(2 * width, size["classes"])
    return lambda x: classifier(blocks(x).mean((2, 3)))


# By key: channels of the input, the entry of a size, what makes the forward pass.
NETWORKS = {
    "resnet50": (3, "resnet", lambda layers, size: resnet(layers, bottleneck, (3, 4, 6, 3), size)),
    "resnet18": (3, "resnet", lambda layers, size: resnet(layers, basic_block, (2, 2, 2, 2), size)),
    "cnn": (1, "cnn", mnist_cnn),
}
