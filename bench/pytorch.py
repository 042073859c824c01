"""The benchmark's PyTorch side: reads {"name", "iterations"} lines, answers {"seconds"} lines."""

import json
import pathlib
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "test" / "oracles"))
from sharpness import DGSAM  # noqa: E402

DOMAINS = 3
BATCH = 32


def mlp():
    layers = []
    for _ in range(3):
        layers += [torch.nn.Linear(64, 64), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers, torch.nn.Linear(64, 10))


def mnist_cnn(width):
    def block(inputs, outputs, stride):
        return [torch.nn.Conv2d(inputs, outputs, 3, stride, padding=1), torch.nn.ReLU(), torch.nn.GroupNorm(8, outputs)]

    return torch.nn.Sequential(
        *block(1, width, 1),
        *block(width, 2 * width, 2),
        *block(2 * width, 2 * width, 1),
        *block(2 * width, 2 * width, 1),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(2 * width, 10),
    )


def cases():
    torch.manual_seed(0)
    x, y = torch.randn(16), torch.randn(16)
    yield "add", lambda: x.add(y)
    for name, model, shape in (("mlp", mlp(), (64,)), ("cnn", mnist_cnn(16), (1, 28, 28))):
        batches = [(torch.randn(BATCH, *shape), torch.randint(10, (BATCH,))) for _ in range(DOMAINS)]
        loss = torch.nn.functional.cross_entropy
        closures = [lambda model=model, x=x, y=y: loss(model(x), y) for x, y in batches]
        parameters = list(model.parameters())

        def passes(closures=closures, parameters=parameters):
            for closure in [*closures, closures[0]]:
                for p in parameters:
                    p.grad = None
                closure().backward()

        yield f"{name} passes", passes
        dgsam = DGSAM(model.parameters(), torch.optim.Adam, lr=1e-4)
        yield f"{name} dgsam", lambda dgsam=dgsam, closures=closures: dgsam.step(closures)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    known = dict(cases())
    print(json.dumps({"version": torch.__version__}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        body = known[request["name"]]
        start = time.perf_counter()
        for _ in range(request["iterations"]):
            body()
        print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)


main()
