"""LookSAM, arXiv 2203.02714, algorithm 1, with one norm and one angle over all parameters:

    if t mod k = 0:  g_s = grad at w + e;  g_v = g_s - ||g_s|| cos(g, g_s) g / ||g||;  descend along g_s
    else:            descend along g + alpha ||g|| / ||g_v|| g_v
"""

import torch

from .algorithm import EPS, Algorithm, combination, dot, mean, norm


class LookSAM(Algorithm):
    def __init__(self, params, base, k=5, alpha=0.7, **options):
        super().__init__(params, base, **options)
        self.k = k
        self.alpha = alpha
        self.t = 0

    def step(self, closures):
        loss = mean(closures)
        with self.returning():
            g = self.gradient(loss)
            if self.t % self.k == 0:
                self.move(self.ascent(g))
                gs = self.gradient(loss)
        with torch.no_grad():
            if self.t % self.k == 0:
                cosine = dot(g, gs) / (norm(g) * norm(gs))
                self.gv = combination(1, gs, -norm(gs) * cosine / norm(g), g)
            else:
                gs = combination(1, g, self.alpha * norm(g) / (norm(self.gv) + EPS), self.gv)
        self.t += 1
        self.descend(gs)
