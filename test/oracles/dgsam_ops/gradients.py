"""Checks of the gradient operators: what torch.nn.utils gives in float64, and no memory beside the gradients."""

import torch

from dgsam_ops.problem import check, close, numbers, ops

SIZES = [(1000,), (3, 5), (), (300, 70)]


def with_gradients(dtype):
    params = [torch.zeros(s, dtype=dtype, requires_grad=True) for s in SIZES]
    for i, p in enumerate(params):
        p.grad = numbers(p.shape, i, dtype)
    return params


def memory_of(action):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        action()
    # Each operator's own allocations, also those it gave back.
    return sum(e.nbytes() for e in profile.profiler.kineto_results.events() if e.name() == "[memory]" and e.nbytes() > 0)


@check
def clipping_takes_no_copies_of_gradients():
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.complex128):
        params = with_gradients(dtype)
        smallest = max(p.numel() for p in params) * params[0].element_size()
        assert memory_of(lambda: [p.grad.clone() for p in params]) >= smallest, "the measurement sees nothing"
        norm = ops.grad_norm(params)
        for action in (lambda: ops.grad_norm(params), lambda: ops.clip_grad_norm_(params, 0.5 * norm)):
            used = memory_of(action)
            assert used < 2048, f"{dtype}: {used} bytes"
        close(ops.grad_norm(params), 0.5 * norm, 1e-2, dtype)


@check
def clipping_equals_torch_in_float64():
    params, kept = with_gradients(torch.float64), with_gradients(torch.float64)
    close(ops.clip_grad_norm_(params, 0.3), torch.nn.utils.clip_grad_norm_(kept, 0.3).item(), 1e-12, "norm")
    for p, k in zip(params, kept):
        torch.testing.assert_close(p.grad, k.grad, rtol=1e-12, atol=0)


@check
def unscaling_equals_torch_bit_for_bit():
    inverse = torch.tensor(1 / 3)
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        for poison in (None, float("inf"), float("nan")):
            params = with_gradients(dtype)
            if poison is not None:
                params[1].grad[2, 3] = poison
            expected = [p.grad.clone() for p in params]
            found, expected_found = torch.zeros(()), torch.zeros(())
            torch._amp_foreach_non_finite_check_and_unscale_(expected, expected_found, inverse)
            assert ops.unscale_grad_([*params, torch.zeros(1)], found, inverse) == len(params)
            assert found == expected_found == (0 if poison is None else 1), f"{dtype} {poison}"
            for p, e in zip(params, expected):
                assert p.grad._version == 1 or p is params[1]
                torch.testing.assert_close(p.grad, e, rtol=0, atol=0, equal_nan=True)
