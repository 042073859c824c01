"""SAGM, arXiv 2303.10353, equation 9: minimise L(w) + L(w + e - alpha g), both gradients with the same weight.

e is SAM's ascent along g = grad L(w). The loss is halved, which keeps ERM's learning rates, as in the authors' code.
Adaptive: the point is w + T^2 g (rho / ||T g|| - alpha), so that alpha g is scaled as e is.
"""

import torch

from .algorithm import Algorithm, combination, mean


class SAGM(Algorithm):
    def __init__(self, params, base, alpha=0.001, **options):
        super().__init__(params, base, **options)
        self.alpha = alpha

    def step(self, closures):
        loss = mean(closures)
        with self.returning():
            g = self.gradient(loss)
            e = self.ascent(g)
            with torch.no_grad():
                scales = [self.scale(p) ** 2 if self.adaptive else 1 for p in self.params]
                back = [None if gi is None else t * gi for t, gi in zip(scales, g)]
            self.move(combination(1, e, -self.alpha, back))
            gp = self.gradient(loss)
        self.descend(combination(0.5, g, 0.5, gp))
