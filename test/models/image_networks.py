"""torchvision's networks, and those of plain_networks.py, for test/models/image-networks.test.ts.

Reads {"folder", "cases": [{"name", "options", "input", "seed", "exchange", "keysOnly"}]} and answers, per case, with
  state     key -> [dtype, shape, SHA-1 of the bytes] of the new network, in PyTorch's order
  evaluated, trained   outputs in evaluation and, drawn from the seed, in training, once `disturb` has made all parts count
  grads     the gradients of the trained output's sum weighted by random numbers: key -> [norm, sum], of parameters
            that are not large
  first     all of the first parameter's gradient
  after     running statistics and counters after training: key -> [norm, sum]
Where "keysOnly" is set, the state alone, without bytes. Where "exchange" is set, folder/NAME.npz is loaded strictly first (before evaluation), and the state dict is left in folder/NAME.pth.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "oracles"))
import torchvision_for_cpu  # noqa: E402, F401
from torchvision import models  # noqa: E402
from torchvision.models.convnext import CNBlockConfig  # noqa: E402
from torchvision.models.resnet import Bottleneck  # noqa: E402

from plain_networks import EfficientNetLite0, SameConv, WideResNet  # noqa: E402


def padded(model, kind, eps):
    """The network with another padding and another epsilon, as timm has those that were trained elsewhere."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = eps
        elif isinstance(module, torch.nn.Conv2d) and module.kernel_size != (1, 1):
            module.__class__ = kind
            module.padding = tuple(size // 2 for size in module.kernel_size)
    return model


OTHERS = {
    "TensorFlow's efficientnet_b0": lambda **options: padded(models.efficientnet_b0(**options), SameConv, 1e-3),
    "TensorFlow's mobilenet_v3_small": lambda **options: padded(models.mobilenet_v3_small(**options), SameConv, 1e-3),
    "timm's efficientnet_lite0": lambda **options: padded(EfficientNetLite0(**options), torch.nn.Conv2d, 1e-5),
    "efficientnet_lite0": EfficientNetLite0,
    "wide_resnet16_2": lambda **options: WideResNet(16, 2, **options),
    "wide_resnet28_10": lambda **options: WideResNet(28, 10, **options),
    "small bottlenecks": lambda **options: models.ResNet(Bottleneck, [1, 2, 1, 1], groups=2, width_per_group=32, **options),
    "small convnext": lambda **options: models.ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, None, 1)], **options),
    "small transformer": lambda **options: models.VisionTransformer(patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=24, **options),
}


def make(name, options):
    return OTHERS[name](**options) if name in OTHERS else getattr(models, name)(weights=None, **options)


def digest(tensor):
    return [str(tensor.dtype).removeprefix("torch."), list(tensor.shape), hashlib.sha1(tensor.detach().contiguous().numpy().tobytes()).hexdigest()]


def disturb(state):
    """New networks have layers that do nothing yet, and zeros at their ends."""
    generator = torch.Generator().manual_seed(3)
    for tensor in state.values():
        if tensor.is_floating_point() and tensor.numel() <= 20000:
            tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.1)


def figures(tensor):
    return [tensor.double().norm().item(), tensor.double().sum().item()]


def run(case, folder):
    if case["keysOnly"]:
        with torch.device("meta"):
            state = make(case["name"], case["options"]).state_dict()
        return {"state": {key: [str(value.dtype).removeprefix("torch."), list(value.shape)] for key, value in state.items()}}
    torch.manual_seed(case["seed"])
    model = make(case["name"], case["options"])
    state = {key: digest(value) for key, value in model.state_dict().items()}
    if case["exchange"]:
        arrays = numpy.load(folder / f"{case['name']}.npz")
        model.load_state_dict({key: torch.from_numpy(arrays[key]) for key in arrays.files}, strict=True)
    disturb(model.state_dict())
    if case["exchange"]:
        torch.save(model.state_dict(), folder / f"{case['name']}.pth")
    generator = torch.Generator().manual_seed(7)
    x = torch.randn(case["input"], generator=generator)
    with torch.no_grad():
        evaluated = model.eval()(x)
    torch.manual_seed(case["seed"])
    trained = model.train()(x)
    (trained * torch.randn(trained.shape, generator=generator)).sum().backward()
    return {
        "state": state,
        "evaluated": evaluated.flatten().tolist(),
        "trained": trained.flatten().tolist(),
        "grads": {key: figures(p.grad) for key, p in model.named_parameters() if p.numel() <= 100000},
        "first": next(model.parameters()).grad.flatten().tolist(),
        "after": {key: figures(b) for key, b in model.named_buffers()},
    }


torch.set_num_threads(1)
request = json.load(sys.stdin)
print(json.dumps([run(case, Path(request["folder"])) for case in request["cases"]]))
