"""No algorithm: an optimizer that evaluates the closure itself, as LBFGS does, on the mean of the domains' losses."""

import torch

from .algorithm import mean


class Alone:
    def __init__(self, params, base, **base_options):
        self.base = base(params, **base_options)

    def step(self, closures):
        def closure():
            self.base.zero_grad()
            with torch.enable_grad():
                loss = mean(closures)()
                loss.backward()
            return loss

        self.base.step(closure)
