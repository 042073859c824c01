"""Calls that PyTorch's own sample inputs lead to, written down on their way through the dispatcher."""

import random

import numpy
import torch
from torch.testing._internal import common_methods_invocations as invocations
from torch.utils._python_dispatch import TorchDispatchMode

from encoding import Seeded, describe

# Enough to reach other branches than the first, little enough to replay all in seconds.
CALLS_PER_OVERLOAD = 3
SAMPLES_PER_OPERATOR = 4
LARGEST_CALL = 64 * 1024


class Unrecordable(Exception):
    """An argument that cannot be written down."""


def freeze(value):
    """A description of an argument as it is now, before the operator can write to it."""
    if isinstance(value, torch.Tensor):
        described = describe(value)
        if described is None:
            raise Unrecordable
        return described.clone(memory_format=torch.preserve_format) if isinstance(described, torch.Tensor) else described
    if isinstance(value, (list, tuple)):
        return [freeze(each) for each in value]
    if isinstance(value, torch.Generator):
        return Seeded(0)
    return value


def byte_count(value):
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    return sum(map(byte_count, value)) if isinstance(value, (list, tuple)) else 0


class Recorder(TorchDispatchMode):
    """Keeps the arguments of the first calls of each overload that succeed."""

    def __init__(self):
        super().__init__()
        self.calls = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        known = self.calls.setdefault(func._schema.name + ("." + func._schema.overload_name if func._schema.overload_name else ""), [])
        frozen = None
        if func.namespace == "aten" and len(known) < CALLS_PER_OVERLOAD and byte_count([list(args), list(kwargs.values())]) <= LARGEST_CALL:
            try:
                frozen = (freeze(args), {name: freeze(value) for name, value in kwargs.items()})
            except (Unrecordable, RuntimeError):
                pass
        result = func(*args, **kwargs)
        if frozen is not None:
            known.append(frozen)
        return result


def dtype_for(operator):
    for dtype in (torch.float32, torch.int64, torch.complex64, torch.bool):
        if dtype in operator.dtypes:
            return dtype
    return None


def run_samples(operator, recorder, make_samples, grad=False):
    try:
        for index, sample in enumerate(make_samples()):
            if index == SAMPLES_PER_OPERATOR:
                return
            try:
                with recorder:
                    result = operator(sample.input, *sample.args, **sample.kwargs)
                    if grad and isinstance(result, torch.Tensor) and result.requires_grad:
                        result.sum().backward()
            except Exception:
                continue  # a sample that this build cannot run has nothing to replay
    except Exception:
        return  # an operator without samples of this kind


def record_operator(operator, dtype, recorder):
    def samples(**options):
        return lambda: operator.sample_inputs("cpu", dtype, **options)

    # Without autograd's keys the mode sees composite operators whole; with them, what they are made of.
    with torch.inference_mode():
        run_samples(operator, recorder, samples())
        if operator.inplace_variant is not None:
            run_samples(operator.inplace_variant, recorder, samples())
    grad = operator.supports_autograd and dtype.is_floating_point
    run_samples(operator, recorder, samples(requires_grad=grad), grad)
    for layout in (torch.sparse_coo, torch.sparse_csr):
        if operator.supports_sparse if layout is torch.sparse_coo else operator.supports_sparse_csr:
            run_samples(operator, recorder, lambda: operator.sample_inputs_sparse(layout, "cpu", dtype))


def record_foreach(operator, dtype, recorder):
    for variant in (operator.method_variant, operator.inplace_variant):
        if variant is not None:
            run_samples(variant, recorder, lambda: operator.sample_inputs("cpu", dtype, num_input_tensors=[3]))


def record():
    """{overload name: [(args, kwargs), ...]} from the samples of every operator that PyTorch tests."""
    random.seed(0)
    numpy.random.seed(0)
    torch.manual_seed(0)
    recorder = Recorder()
    families = [(invocations.op_db, record_operator)]
    families += [(getattr(invocations, name), record_foreach) for name in dir(invocations) if name.startswith("foreach_") and name.endswith("_op_db")]
    for operators, record_one in families:
        for operator in operators:
            dtype = dtype_for(operator)
            if dtype is not None:
                record_one(operator, dtype, recorder)
    return {name: calls for name, calls in recorder.calls.items() if calls}
