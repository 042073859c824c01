"""The GPU benchmark's PyTorch side: passes and DGSAM steps with Adam over the networks of torch_networks.py.

Cases: "passes"; "per-parameter", the transcription that the tests compare with; "foreach", as somebody would write it who
wants speed: horizontal operators and a fused Adam; "compiled", the same with loss and climb through torch.compile.

A turn begins on a device at rest and ends when it is at rest again, as on the other side. Losses stay on the device.
"""

import functools
import itertools
import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "test" / "oracles"))
from sharpness import DGSAM  # noqa: E402
from turns import serve  # noqa: E402

from torch_networks import NETWORKS, SIZES, Layers  # noqa: E402

DOMAINS = 3
EPS = 1e-12


class Problem:
    """A network with a random minibatch per domain; `closures` give their losses."""

    def __init__(self, network, size="full", device="cpu", dtype="float32", channels_last=False, autocast=None, wrap=lambda loss: loss):
        torch.manual_seed(0)
        channels, entry, make = NETWORKS[network]
        shape, batch = SIZES[size][entry], SIZES[size]["batch"]
        placement = {"device": device, "dtype": getattr(torch, dtype)}
        layers = Layers(channels_last, **placement)
        forward = make(layers, shape)
        self.parameters = layers.parameters
        self.batches = []
        for _ in range(DOMAINS):
            x = torch.randn(batch, channels, shape["image"], shape["image"], **placement)
            x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
            self.batches.append((x, torch.randint(shape["classes"], (batch,), device=device)))

        def loss(x, y):
            with torch.autocast(device, getattr(torch, autocast or "bfloat16"), enabled=autocast is not None):
                return torch.nn.functional.cross_entropy(forward(x), y)

        loss = wrap(loss)
        self.closures = [lambda x=x, y=y: loss(x, y) for x, y in self.batches]


def passes(problem, count=DOMAINS + 1):
    visited = list(itertools.islice(itertools.cycle(problem.closures), count))

    def run():
        for closure in visited:
            for p in problem.parameters:
                p.grad = None
            closure().backward()

    return run


def per_parameter(problem, **options):
    optimizer = DGSAM(problem.parameters, torch.optim.Adam, lr=1e-4, **options)
    return lambda: optimizer.step(problem.closures)


@torch.no_grad()
def climb(parameters, gradients, sums, rho):
    """w + rho g / ||g||, and the sum of the gradients, which the first ones become."""
    length = torch.stack(torch._foreach_norm(gradients)).norm() + EPS
    torch._foreach_add_(parameters, torch._foreach_mul(gradients, rho / length))
    if sums is None:
        return gradients
    torch._foreach_add_(sums, gradients)
    return sums


class ForeachDGSAM:
    """As sharpness/dgsam.py, all tensors at once; the memory for the saved parameters is kept."""

    def __init__(self, parameters, rho=0.05, order="random", climb=climb, **options):
        self.parameters, self.rho, self.order, self.climb = parameters, rho, order, climb
        self.base = torch.optim.Adam(parameters, fused=True, **options)
        self.saved = None

    def step(self, closures):
        domains = list(range(len(closures)))
        if self.order == "random":
            domains = torch.randperm(len(closures)).tolist()
        self.save()
        sums = None
        for domain in domains:
            sums = self.climb(self.parameters, self.gradient(closures[domain]), sums, self.rho)
        last = self.gradient(closures[domains[0]])
        with torch.no_grad():
            torch._foreach_add_(sums, last)
            torch._foreach_mul_(sums, len(closures) / (len(closures) + 1))
            torch._foreach_copy_(self.parameters, self.saved)
        for p, g in zip(self.parameters, sums):
            p.grad = g
        self.base.step()

    @torch.no_grad()
    def save(self):
        if self.saved is None:
            self.saved = [torch.empty_like(p) for p in self.parameters]
        torch._foreach_copy_(self.saved, self.parameters)

    def gradient(self, closure):
        gradients = torch.autograd.grad(closure(), self.parameters)
        # Inductor lays them out as it likes; fused optimizers want them as the parameters are.
        return [g if g.stride() == p.stride() else torch.empty_like(p).copy_(g) for g, p in zip(gradients, self.parameters)]


def foreach(problem, **options):
    optimizer = ForeachDGSAM(problem.parameters, lr=1e-4, **options)
    return lambda: optimizer.step(problem.closures)


VARIANTS = {"passes": passes, "per-parameter": per_parameter, "foreach": foreach, "compiled": foreach}


def body(network, variant, backend="inductor", **options):
    """`backend`: of torch.compile."""
    if variant == "compiled":
        # What was compiled for other problems counts towards how often the same code may be.
        torch._dynamo.reset()
    compiled = functools.partial(torch.compile, backend=backend, dynamic=False)
    problem = Problem(network, wrap=compiled if variant == "compiled" else lambda loss: loss, **options)
    step = VARIANTS[variant](problem, **({"climb": compiled(climb)} if variant == "compiled" else {}))
    on_cuda = problem.parameters[0].is_cuda

    def run(iterations):
        for _ in range(iterations):
            step()
        if on_cuda:
            torch.cuda.synchronize()

    return run


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    names = [(network, variant) for network in NETWORKS for variant in VARIANTS]
    serve(torch.__version__, {" ".join(each): functools.partial(body, *each) for each in names})
