"""Empirical risk minimisation: the base optimizer on the mean of the domains' losses, differentiated by backward()."""

import torch

from .algorithm import mean


class ERM:
    def __init__(self, params, base, **base_options):
        self.base = base(params, **base_options)

    def step(self, closures):
        self.base.zero_grad()
        with torch.enable_grad():
            mean(closures)().backward()
        self.base.step()
