"""ASAM, arXiv 2102.11600, equation 6: e = rho T^2 g / ||T g||; then as SAM.

Elementwise: T = diag(|w|). Normalized, as the authors' code has it: T = diag(|w| + eta) for weights, the identity for
biases, which are the parameters of fewer than two dimensions.
"""

import torch

from .sam import SAM


class ASAM(SAM):
    def __init__(self, params, base, form="elementwise", eta=0.01, rho=None, **options):
        if rho is None:
            rho = {"elementwise": 2.0, "normalized": 0.5}[form]
        super().__init__(params, base, rho=rho, adaptive=True, **options)
        self.form = form
        self.eta = eta

    def scale(self, p):
        if self.form == "elementwise":
            return p.abs()
        return p.abs() + self.eta if p.dim() >= 2 else torch.ones_like(p)
