"""The benchmark's PyTorch side. The sharpness-aware optimizers are the transcriptions that the tests compare with."""

import functools
import itertools
import pathlib
import sys

import torch

from turns import repeated, serve

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "oracles"))
from sharpness import ALGORITHMS  # noqa: E402

DOMAINS = 3
BATCH = 32
OPTIMIZERS = ("SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam", "RAdam", "Adamax")


def mlp():
    layers = []
    for _ in range(3):
        layers += [torch.nn.Linear(64, 64), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(64, 10)), (64,)


def mnist_cnn(width=16):
    def block(inputs, outputs, stride):
        return [torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1), torch.nn.ReLU(), torch.nn.GroupNorm(8, outputs)]

    layers = (
        *block(1, width, 1),
        *block(width, 2 * width, 2),
        *block(2 * width, 2 * width, 1),
        *block(2 * width, 2 * width, 1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(2 * width, 10),
    )
    return torch.nn.Sequential(*layers), (1, 28, 28)


def problem(network):
    """Parameters, and a closure per domain."""
    torch.manual_seed(0)
    model, shape = network()
    batches = [(torch.randn(BATCH, *shape), torch.randint(10, (BATCH,))) for _ in range(DOMAINS)]
    return list(model.parameters()), [lambda x=x, y=y: torch.nn.functional.cross_entropy(model(x), y) for x, y in batches]


def add():
    torch.manual_seed(0)
    x, y = torch.randn(16), torch.randn(16)
    return lambda: x.add(y)


def passes(network, count):
    parameters, closures = problem(network)
    visited = list(itertools.islice(itertools.cycle(closures), count))

    def run():
        for closure in visited:
            for p in parameters:
                p.grad = None
            closure().backward()

    return run


def algorithm(network, kind, **options):
    parameters, closures = problem(network)
    optimizer = kind(parameters, torch.optim.Adam, lr=1e-4, **options)
    return lambda: optimizer.step(closures)


def optimizer_alone(network, kind, **options):
    parameters, closures = problem(network)
    closures[0]().backward()
    return kind(parameters, **options).step


def image_passes(**options):
    # torchvision takes seconds to import, and only these need it.
    from image_networks import image_passes as make

    return make(**options)


def cases():
    """What makes the body of each case, once it is asked for."""
    made = {"add": add, "image passes": image_passes}
    for key, network in (("mlp", mlp), ("cnn", mnist_cnn)):
        made[f"{key} passes"] = functools.partial(passes, network)
        for name, kind in ALGORITHMS.items():
            made[f"{key} {name}"] = functools.partial(algorithm, network, kind)
        for name in OPTIMIZERS:
            made[f"{key} {name} alone"] = functools.partial(optimizer_alone, network, getattr(torch.optim, name))
    return made


torch.set_num_threads(int(sys.argv[1]))
serve(torch.__version__, {name: lambda make=make, **options: repeated(make(**options)) for name, make in cases().items()})
