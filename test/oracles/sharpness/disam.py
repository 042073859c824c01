"""DISAM, arXiv 2405.18861: climb along the gradient of the mean loss less lambda times the variance of the domains' losses.

    e = rho h / ||h||,  h = grad (mean_d L_d - lambda Var_d L_d),  Var_d L_d = 1/S sum_d (L_d - mean L)^2

The variance is differentiated as it stands. The descent goes along the gradient of the mean loss at w + e.
"""

import torch

from .algorithm import Algorithm, mean


class DISAM(Algorithm):
    def __init__(self, params, base, **options):
        # `lambda` is a keyword of the language.
        self.weight = options.pop("lambda", 0.1)
        super().__init__(params, base, **options)

    def step(self, closures):
        def penalised():
            losses = torch.stack([closure() for closure in closures])
            return losses.mean() - self.weight * losses.var(correction=0)

        with self.returning():
            self.move(self.ascent(self.gradient(penalised)))
            gp = self.gradient(mean(closures))
        self.descend(gp)
