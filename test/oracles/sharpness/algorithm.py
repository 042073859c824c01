"""What the transcriptions share: parameters with a radius each, gradients, the ascent, the way back, the descent.

A vector is a list of one tensor per parameter, None where the loss does not reach the parameter. None counts as zero and
its parameter stays where it is. The losses of a step are closures without arguments, one per domain.
"""

import contextlib

import torch

EPS = 1e-12


class Algorithm:
    """`base` is a class of torch.optim. Groups may carry a `rho` of their own, a radius; all other options are the base's."""

    def __init__(self, params, base, rho=0.05, adaptive=False, **base_options):
        groups = list(params)
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        # Not under its own name: Adadelta has a `rho`, too.
        groups = [dict(group, radius=group.get("rho", rho)) for group in groups]
        for group in groups:
            group.pop("rho", None)
        self.base = base(groups, **base_options)
        self.adaptive = adaptive
        self.param_groups = self.base.param_groups
        self.params = [p for group in self.param_groups for p in group["params"]]

    def gradient(self, loss):
        with torch.enable_grad():
            return list(torch.autograd.grad(loss(), self.params, allow_unused=True))

    def scale(self, p):
        """T of the adaptive ascent. ASAM, elementwise: T = |p|."""
        return p.abs()

    @torch.no_grad()
    def ascent(self, g):
        """rho g / (||g|| + eps), adaptive: rho T^2 g / (||T g|| + eps)"""
        if not self.adaptive:
            length = norm(g) + EPS
            return [None if gi is None else gi * factor for factor, gi in zip(self.factors(length), g)]
        scales = [self.scale(p) for p in self.params]
        length = norm([None if gi is None else t * gi for t, gi in zip(scales, g)]) + EPS
        return [None if gi is None else t * t * gi * factor for factor, t, gi in zip(self.factors(length), scales, g)]

    def factors(self, length):
        """rho / length for every parameter."""
        for group in self.param_groups:
            factor = group["radius"] / length
            for _ in group["params"]:
                yield factor

    @torch.no_grad()
    def move(self, e):
        for p, ei in zip(self.params, e):
            if ei is not None:
                p.add_(ei)

    @contextlib.contextmanager
    def returning(self):
        """Afterwards the parameters are what they were before."""
        before = [p.detach().clone() for p in self.params]
        yield
        with torch.no_grad():
            for p, old in zip(self.params, before):
                p.copy_(old)

    def descend(self, g):
        for p, gi in zip(self.params, g):
            p.grad = gi
        self.base.step()


def mean(closures):
    """The loss that is the mean of the domains' losses."""
    return lambda: sum(closure() for closure in closures) / len(closures)


def norm(x):
    return torch.stack([xi.norm() for xi in x if xi is not None]).norm()


def dot(x, y):
    return sum((xi * yi).sum() for xi, yi in zip(x, y) if xi is not None and yi is not None)


def combination(a, x, b, y):
    """a x + b y"""
    result = []
    for xi, yi in zip(x, y):
        parts = [c * v for c, v in ((a, xi), (b, yi)) if v is not None]
        result.append(sum(parts[1:], parts[0]) if parts else None)
    return result
