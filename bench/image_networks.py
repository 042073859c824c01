"""The networks for images in PyTorch: torchvision's, and those that the tests compare with."""

import pathlib
import sys

import torch

TESTS = pathlib.Path(__file__).resolve().parent.parent / "test"
# torchvision looks for a package of this name, and would run our script.
sys.modules.setdefault("pytorch", None)
sys.path += [str(TESTS / "oracles"), str(TESTS / "models")]
import torchvision_for_cpu  # noqa: E402, F401
from torchvision import models  # noqa: E402

from plain_networks import EfficientNetLite0, WideResNet  # noqa: E402

OTHERS = {
    "efficientnet_lite0": EfficientNetLite0,
    "wide_resnet16_2": lambda **options: WideResNet(16, 2, **options),
    "wide_resnet28_10": lambda **options: WideResNet(28, 10, **options),
}


def image_passes(name, size, batch):
    torch.manual_seed(0)
    options = {"num_classes": 10} | ({"image_size": size} if name.startswith("vit") else {})
    model = (OTHERS.get(name) or getattr(models, name))(**options).to(memory_format=torch.channels_last)
    x, y = torch.randn(batch, 3, size, size).to(memory_format=torch.channels_last), torch.randint(10, (batch,))
    parameters = list(model.parameters())

    def run():
        for p in parameters:
            p.grad = None
        torch.nn.functional.cross_entropy(model(x), y).backward()

    return run
