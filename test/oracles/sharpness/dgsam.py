"""DGSAM, arXiv 2503.23430, algorithm 1: climb along one domain after the other, descend along the gradients on the way.

    for j = 1 .. S+1:  g_j = gradient of domain l_j at w_{j-1}, where l_{S+1} = l_1
                       w_j = w_{j-1} + rho g_j / ||g_j||  if j <= S
    descend along S/(S+1) (g_1 + ... + g_{S+1})

reuse=False, the ablation: g_j only climbs, and the descent goes along the sum of the gradients of the same domains at
w_1 .. w_S. reduction="mean" divides what the descent goes along by S.
"""

import random

import torch

from .algorithm import Algorithm


class DGSAM(Algorithm):
    """order: "random" or "fixed" (the closures' order)."""

    def __init__(self, params, base, order="random", reuse=True, reduction="sum", seed=0, **options):
        super().__init__(params, base, **options)
        self.order = order
        self.reuse = reuse
        self.reduction = reduction
        self.generator = random.Random(seed)

    def step(self, closures):
        count = len(closures)
        domains = list(range(count))
        if self.order == "random":
            self.generator.shuffle(domains)
        with self.returning():
            gathered = self.path(closures, domains) if self.reuse else self.path_without_reuse(closures, domains)
        factor = count / (count + 1) if self.reuse else 1
        if self.reduction == "mean":
            factor /= count
        self.descend([None if total is None else total * factor for total in gathered])

    def path(self, closures, domains):
        gathered = [None] * len(self.params)
        for domain in domains:
            g = self.gradient(closures[domain])
            self.move(self.ascent(g))
            accumulate(gathered, g)
        accumulate(gathered, self.gradient(closures[domains[0]]))
        return gathered

    def path_without_reuse(self, closures, domains):
        gathered = [None] * len(self.params)
        for domain in domains:
            self.move(self.ascent(self.gradient(closures[domain])))
            accumulate(gathered, self.gradient(closures[domain]))
        return gathered


@torch.no_grad()
def accumulate(gathered, g):
    """Adds g, whose tensors belong to the sum afterwards."""
    for index, gi in enumerate(g):
        if gi is not None:
            gathered[index] = gi if gathered[index] is None else gathered[index].add_(gi)
