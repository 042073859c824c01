"""Networks that torchvision lacks, written from the descriptions of their architectures, for test/models/image-networks.test.ts.

EfficientNet-Lite0: Tan and Le, arXiv 1905.11946, table 1, without squeeze and excitation, with ReLU6, TensorFlow's padding and
normalisation of epsilon 1e-3; state-dict keys are those of the package efficientnet-lite-pytorch.
Wide residual networks: Zagoruyko and Komodakis, arXiv 1605.07146, in DomainBed's form.
"""

import math

import torch
from torch import nn
from torch.nn import functional


class SameConv(nn.Conv2d):
    """TensorFlow's "SAME": the output has ceil(size / stride) places."""

    def forward(self, x):
        border = []
        for size, kernel, stride in zip(reversed(x.shape[2:]), reversed(self.kernel_size), reversed(self.stride)):
            missing = max(0, (math.ceil(size / stride) - 1) * stride + kernel - size)
            border += [missing // 2, missing - missing // 2]
        return functional.conv2d(functional.pad(x, border), self.weight, None, self.stride, 0, 1, self.groups)


def norm(channels):
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


class LiteBlock(nn.Module):
    def __init__(self, expand, kernel, stride, before, after, drop):
        super().__init__()
        middle = before * expand
        self.drop, self.skips = drop, stride == 1 and before == after
        if expand > 1:
            self._expand_conv = SameConv(before, middle, 1, bias=False)
            self._bn0 = norm(middle)
        self._depthwise_conv = SameConv(middle, middle, kernel, stride, groups=middle, bias=False)
        self._bn1 = norm(middle)
        self._project_conv = SameConv(middle, after, 1, bias=False)
        self._bn2 = norm(after)

    def forward(self, x):
        y = functional.relu6(self._bn0(self._expand_conv(x))) if hasattr(self, "_bn0") else x
        y = functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        if not self.skips:
            return y
        if self.training and self.drop > 0:
            y = y / (1 - self.drop) * torch.floor(1 - self.drop + torch.rand(len(y), 1, 1, 1, dtype=y.dtype))
        return y + x


class EfficientNetLite0(nn.Module):
    #       expansion, kernel, stride, channels before and after, blocks
    STAGES = [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3), (6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)]

    def __init__(self, num_classes=1000, dropout=0.2, drop_connect=0.2):
        super().__init__()
        rows = []
        for expand, kernel, stride, before, after, count in self.STAGES:
            rows += [(expand, kernel, stride, before, after)] + [(expand, kernel, 1, after, after)] * (count - 1)
        self._conv_stem = SameConv(3, 32, 3, 2, bias=False)
        self._bn0 = norm(32)
        self._blocks = nn.ModuleList(LiteBlock(*row, drop_connect * i / len(rows)) for i, row in enumerate(rows))
        self._conv_head = SameConv(320, 1280, 1, bias=False)
        self._bn1 = norm(1280)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, num_classes)

    def forward(self, x):
        x = functional.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        x = functional.relu6(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(x.mean(dim=(2, 3))))


class WideBlock(nn.Module):
    def __init__(self, before, after, stride, dropout):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, stride, padding=1)
        self.shortcut = nn.Sequential(*([nn.Conv2d(before, after, 1, stride)] if stride > 1 or before != after else []))

    def forward(self, x):
        y = self.dropout(self.conv1(functional.relu(self.bn1(x))))
        return self.conv2(functional.relu(self.bn2(y))) + self.shortcut(x)


class WideResNet(nn.Module):
    def __init__(self, depth, widen_factor, num_classes=10, dropout=0.0):
        super().__init__()
        widths = [16] + [16 * 2**i * widen_factor for i in range(3)]
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1)
        for i, stride in enumerate((1, 2, 2)):
            blocks = [WideBlock(widths[i] if j == 0 else widths[i + 1], widths[i + 1], stride if j == 0 else 1, dropout) for j in range((depth - 4) // 6)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
        self.bn1 = nn.BatchNorm2d(widths[3], momentum=0.9)
        self.classifier = nn.Linear(widths[3], num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return self.classifier(functional.avg_pool2d(functional.relu(self.bn1(x)), 8).flatten(1))
