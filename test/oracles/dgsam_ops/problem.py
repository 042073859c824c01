"""Problems for the checks of the library dgsam::, and what its operators must make of them."""

import functools

import numpy
import torch

ops = torch.ops.dgsam
EPS = 1e-12
REAL = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
# 0-dim, empty, a stripe of the kernels and its neighbours, and one element more than a piece.
SHAPES = ((), (0,), (1,), (7,), (15,), (16,), (17,), (3, 5), (32,), (33,), (8, 3, 3, 3), (16, 1, 3, 3), (32769,))
checks = []


def check(function):
    checks.append(function)
    return function


@functools.lru_cache(maxsize=None)
def normal(shape, seed):
    return numpy.random.RandomState(seed).standard_normal(shape)


def numbers(shape, seed, dtype=torch.float64, scale=1.0):
    """Normal numbers from NumPy, whose generators do not depend on the processor as PyTorch's do."""
    return torch.from_numpy(numpy.asarray(normal(tuple(shape), seed) * scale)).to(dtype)


def wide(dtype):
    return torch.float32 if dtype in (torch.bfloat16, torch.float16) else dtype


def plain(tensor):
    return tensor


LAYOUTS = {
    "contiguous": plain,
    "reversed strides": lambda t: t.permute(tuple(reversed(range(t.dim())))).contiguous().permute(tuple(reversed(range(t.dim())))),
    "channels last": lambda t: t.contiguous(memory_format=torch.channels_last) if t.dim() == 4 else t.clone(),
    "with gaps": lambda t: torch.stack([t, t], dim=-1)[..., 0],
}


def problem(dtype, shapes=SHAPES, missing=(), layout=plain, grad_layout=plain, scratch_layout=plain, seed=0):
    """Parameters with gradients, and scratch full of NaN, so that reading what was not written shows."""
    params = [layout(numbers(s, seed + i, dtype)).requires_grad_() for i, s in enumerate(shapes)]
    for i, p in enumerate(params):
        if i not in missing:
            p.grad = grad_layout(numbers(p.shape, seed + 100 + i, dtype, 0.1))
    saved = [scratch_layout(torch.full_like(p, float("nan"), requires_grad=False)) for p in params]
    sums = [scratch_layout(torch.full_like(p, float("nan"), requires_grad=False)) for p in params]
    return params, saved, sums


def norm_of(params, weighted=False):
    total = 0.0
    for p in params:
        if p.grad is not None:
            g = p.grad.detach().to(torch.complex128 if p.is_complex() else torch.float64).numpy()
            w = abs(p.detach().to(torch.complex128 if p.is_complex() else torch.float64).numpy()) if weighted else 1.0
            total += float((numpy.abs(g * w) ** 2).sum())
    return total**0.5


def same(actual, expected, what):
    """Bit for bit, but for the sign of zero and the payload of NaN."""
    assert actual.dtype == expected.dtype, f"{what}: dtype {actual.dtype}, not {expected.dtype}"
    assert torch.equal(actual.detach(), expected.detach()), f"{what}: {actual} is not {expected}"


# A rounding or two, where a scale may differ in its last bit.
TOLERANCE = {
    torch.float64: 1e-14,
    torch.float32: 1e-6,
    torch.bfloat16: 1e-2,
    torch.float16: 2e-3,
    torch.complex128: 1e-14,
    torch.complex64: 1e-6,
}


def near(actual, expected, what):
    """The largest difference over the largest magnitude."""
    if expected.numel() == 0:
        return
    difference = (actual.detach() - expected.detach()).abs().max().item()
    magnitude = expected.detach().abs().max().item()
    assert difference <= TOLERANCE[expected.dtype] * magnitude, f"{what}: off by {difference} beside {magnitude}"


def bits(tensor):
    return tensor.detach().view({8: torch.int64, 4: torch.int32, 2: torch.int16}[tensor.element_size()])


def close(actual, expected, tolerance, what):
    error = abs(actual - expected) / max(abs(expected), 1e-300)
    assert error <= tolerance, f"{what}: {actual} is not {expected}, relative error {error}"


def raises(text, function):
    try:
        function()
    except (RuntimeError, NotImplementedError) as error:
        assert text in str(error), f'the error says "{error}", not "{text}"'
    else:
        raise AssertionError(f'no error, "{text}" was due')


def expected_ascent(p, g, rho, norm, adaptive):
    """What the operator must give bit for bit, from its own norm: one rounding per operation, one more for 16-bit storage."""
    if g is None:
        return p.detach().clone()
    w = wide(p.dtype)
    value, gradient = p.detach().to(w), g.to(w)
    scale = torch.tensor(rho / (norm + EPS), dtype=torch.float64).to(w)
    return (value + scale * (value * value * gradient if adaptive else gradient)).to(p.dtype)


def run_climb(params, saved, sums, rho, first, adaptive=False):
    norm, count = ops.climb_(params, saved, sums, rho, first=first, adaptive=adaptive)
    assert isinstance(norm, float)
    assert count == sum(p.grad is not None for p in params)
    return norm
