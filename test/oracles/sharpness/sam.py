"""SAM, arXiv 2010.01412, algorithm 1: e = rho g / ||g||; descend along the gradient at w + e."""

from .algorithm import Algorithm, mean


class SAM(Algorithm):
    def step(self, closures):
        loss = mean(closures)
        with self.returning():
            g = self.gradient(loss)
            self.move(self.ascent(g))
            gp = self.gradient(loss)
        self.descend(gp)
