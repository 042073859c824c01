"""GSAM, arXiv 2203.08065, algorithm 1: the gradient g is decomposed along and across the perturbed gradient gp,

    g = g_par + g_perp,   g_par = ||g|| cos(g, gp) gp / ||gp||,

and the descent goes along gp - alpha g_perp.
"""

import torch

from .algorithm import Algorithm, combination, dot, mean, norm


class GSAM(Algorithm):
    def __init__(self, params, base, alpha=0.4, **options):
        super().__init__(params, base, **options)
        self.alpha = alpha

    def step(self, closures):
        loss = mean(closures)
        with self.returning():
            g = self.gradient(loss)
            self.move(self.ascent(g))
            gp = self.gradient(loss)
        with torch.no_grad():
            cosine = dot(g, gp) / (norm(g) * norm(gp))
            across = combination(1, g, -norm(g) * cosine / norm(gp), gp)
            self.descend(combination(1, gp, -self.alpha, across))
