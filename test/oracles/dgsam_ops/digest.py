"""A hash of what the kernels give on fixed numbers."""

import hashlib
import itertools

import numpy
import torch

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
    for t in jittered():
        total.update(t.numpy().tobytes())
    return total.hexdigest()


def jittered():
    """Images after every kernel that works on them; 13 columns leave rests beside the vectors."""
    images = torch.from_numpy(numpy.random.RandomState(3).randint(0, 256, (4, 3, 21, 33)).astype(numpy.uint8))
    kinds = [0, 1, 2, 3, -1, 3, 2, 1, 0, 4, 1, 3, 0, 2, -1, 2, 0, 3, 1, 4]
    for size in ((17, 13), (40, 37), (3, 4)):
        crops = ops.resized_crop(images, [0, 0, 21, 33, 1, 2, 19, 30, 5, 5, 7, 11, 20, 0, 1, 33], [0, 1, 0, 1], *size, 1 / 255)
        yield crops.clone()
        ops.color_jitter_(crops, kinds, [(1.2, 0.7, 1.3, 0.2, 0.0)[kind] for kind in kinds])
        yield crops
        yield ops.normalize_images(crops, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4])
        yield ops.normalize_images(images, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4], 1 / 255)
        yield ops.resize_pixels(images[0].permute(1, 2, 0).contiguous(), [1, 2, 19, 30], *size)
