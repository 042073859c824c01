"""SAM and DGSAM in straightforward PyTorch, one parameter at a time.

An independent transcription of the papers' rules (SAM: arXiv 2010.01412, ASAM's elementwise ascent: arXiv 2102.11600,
DGSAM: arXiv 2503.23430), used as the oracle of the tests and as the comparator of the benchmark. A closure takes no
arguments and returns the loss; the step calls backward.
"""

import random

import torch

NORM_EPS = 1e-12


class Perturbation:
    """What the two share: the groups with their radii, the ascent and the way back."""

    def __init__(self, params, base, rho=0.05, adaptive=False, **base_options):
        groups = list(params)
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        groups = [{"rho": rho, **group} for group in groups]
        self.base = base(groups, **base_options)
        self.adaptive = adaptive
        self.param_groups = self.base.param_groups
        self.params = [p for group in self.param_groups for p in group["params"]]

    def backward(self, closure):
        """The closure's loss; its gradients are in p.grad afterwards."""
        for p in self.params:
            p.grad = None
        with torch.enable_grad():
            loss = closure()
            loss.backward()
        return loss.detach()

    @torch.no_grad()
    def climb(self):
        norms = [(p.abs() * p.grad if self.adaptive else p.grad).norm() for p in self.params if p.grad is not None]
        norm = torch.stack(norms).norm()
        for group in self.param_groups:
            scale = group["rho"] / (norm + NORM_EPS)
            for p in group["params"]:
                if p.grad is not None:
                    p.add_((p * p * p.grad if self.adaptive else p.grad) * scale)

    @torch.no_grad()
    def save(self):
        return [p.clone() for p in self.params]

    @torch.no_grad()
    def restore(self, saved):
        for p, old in zip(self.params, saved):
            p.copy_(old)


class SAM(Perturbation):
    def step(self, closure):
        saved = self.save()
        losses = [self.backward(closure)]
        self.climb()
        losses.append(self.backward(closure))
        self.restore(saved)
        self.base.step()
        return losses


class DGSAM(Perturbation):
    """order: "random" or "fixed" (the closures' order); reuse: False takes the descent gradients after each ascent."""

    def __init__(self, params, base, order="random", reuse=True, reduction="sum", seed=0, **options):
        super().__init__(params, base, **options)
        self.order = order
        self.reuse = reuse
        self.reduction = reduction
        self.generator = random.Random(seed)

    def step(self, closures):
        count = len(closures)
        order = list(range(count))
        if self.order == "random":
            self.generator.shuffle(order)
        saved = self.save()
        gathered = [None] * len(self.params)
        losses = []
        if self.reuse:
            for j in range(count + 1):
                losses.append(self.backward(closures[order[j % count]]))
                self.accumulate(gathered)
                if j < count:
                    self.climb()
            scale = count / (count + 1)
        else:
            for domain in order:
                losses.append(self.backward(closures[domain]))
                self.climb()
                losses.append(self.backward(closures[domain]))
                self.accumulate(gathered)
            scale = 1.0
        if self.reduction == "mean":
            scale /= count
        self.restore(saved)
        for p, total in zip(self.params, gathered):
            p.grad = None if total is None else total.mul_(scale)
        self.base.step()
        return losses

    @torch.no_grad()
    def accumulate(self, gathered):
        for index, p in enumerate(self.params):
            if p.grad is None:
                continue
            if gathered[index] is None:
                gathered[index] = p.grad.clone()
            else:
                gathered[index].add_(p.grad)
