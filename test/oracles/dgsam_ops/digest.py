"""A hash of what the kernels give on fixed numbers."""

import hashlib
import itertools

import numpy

from dgsam_ops.problem import REAL, ops, problem, run_climb


def digest():
    total = hashlib.sha256()
    for dtype, adaptive in itertools.product(REAL, (False, True)):
        params, saved, sums = problem(dtype, missing=(4,))
        rho = [0.05] * len(params)
        norms = [run_climb(params, saved, sums, rho, first, adaptive) for first in (True, False)]
        moved = [p.detach().clone() for p in params]
        norms += [ops.accumulate_(params, sums, first=False)[0], ops.products(params, sums)[0], ops.gather_(params, saved, sums, 0.75, 0.5)[0]]
        total.update(numpy.array(norms).tobytes())
        for t in itertools.chain(moved, sums, (p.grad for p in params if p.grad is not None)):
            total.update(t.double().numpy().tobytes())
    return total.hexdigest()
