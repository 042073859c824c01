"""PyTorch's own optimizer inputs (torch.testing._internal.common_optimizers), run through torch.optim, for optim-db.test.ts.

Standard input: {"names": ["SGD", ...], "dtypes": ["float64", ...], "steps": 6}
Standard output: {"inputs": [...], "errors": [...], "unmapped": [...]}: what to start from, every step's gradients, and parameters
and state after the last step; what torch.optim refuses; and the descriptions of inputs that are about Python alone.
Tensors are {"shape": [...], "values": [...]}, complex ones as pairs in a last dimension.
"""

import json
import sys
import warnings

import numpy
import torch
from torch.testing._internal import common_optimizers

# One is longer than a vector of the processor.
SHAPES = ((2, 3), (4,), (), (1, 2, 2), (67,))
# About options that only Python has: tensors as options, implementations, names of parameters.
PYTHON_ONLY = {
    "lr as Tensor doesn't work with foreach & not capturable",
    "betas must be either both floats or both Tensors",
    r"betas\[0\] as a Tensor is not supported for capturable=False and foreach=True",
    "all optimizer params should be with/without names",
    "all optimizer param groups should be with/without names.",
}


def plain(tensor):
    tensor = tensor.detach()
    real = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return {"shape": list(real.shape), "values": real.double().flatten().tolist()}


def option(value):
    return value.tolist() if isinstance(value, torch.Tensor) else list(value) if isinstance(value, tuple) else value


def options(kwargs):
    return {key: option(value) for key, value in kwargs.items()}


def run(name, given, dtype, steps):
    random = numpy.random.RandomState(5)

    def numbers(shape):
        real = torch.from_numpy(numpy.asarray(random.standard_normal(shape)))
        return (torch.complex(real, real.flip(0) if real.dim() else 2 * real) if dtype.is_complex else real).to(dtype)

    params = [numbers(shape).requires_grad_() for shape in SHAPES]
    start = [plain(p) for p in params]
    kwargs = {key: value.item() if isinstance(value, torch.Tensor) else value for key, value in given.kwargs.items()}
    optimizer = getattr(torch.optim, name)(params, **kwargs)
    grads = []
    for step in range(steps):
        for i, p in enumerate(params):
            # The second appears late.
            p.grad = None if i == 1 and step < 2 else numbers(p.shape)
        grads.append([None if p.grad is None else plain(p.grad) for p in params])
        optimizer.step()
    states = [{key: plain(value) for key, value in optimizer.state[p].items() if value is not None} for p in params]
    return {"name": name, "description": given.desc, "dtype": str(dtype).removeprefix("torch."), "options": options(kwargs), "start": start, "grads": grads,
            "end": [plain(p) for p in params], "states": states}


def refused(name, given, expected):
    """The kind of error, after making sure that torch.optim has it."""
    params = given.params if given.params is not None else [torch.nn.Parameter(torch.ones(1))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            getattr(torch.optim, name)(params, **given.kwargs)
        except expected:
            return {"name": name, "description": given.desc, "options": options(given.kwargs)}
    raise AssertionError(f"torch.optim.{name} takes {given.kwargs}")


def main():
    request = json.load(sys.stdin)
    torch.set_num_threads(1)
    infos = {info.optim_cls.__name__: info for info in common_optimizers.optim_db}
    inputs, errors, unmapped = [], [], []
    for name in request["names"]:
        info = infos[name]
        for dtype in (getattr(torch, each) for each in request["dtypes"]):
            inputs += [run(name, given, dtype, request["steps"]) for given in info.optim_inputs_func("cpu", dtype)]
        for error in info.optim_error_inputs_func("cpu", torch.float32):
            given = error.optimizer_error_input
            if given.desc in PYTHON_ONLY:
                unmapped.append(given.desc)
            else:
                errors.append(refused(name, given, error.error_type))
    json.dump({"inputs": inputs, "errors": errors, "unmapped": unmapped}, sys.stdout)


main()
