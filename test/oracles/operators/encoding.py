"""Values of operator calls as JSON, with tensor bytes in one blob beside it.

A tensor argument is written as its storage and strides, or, when it is not a plain strided one, as the operator call
that makes it (a recipe). Both sides, Python and JavaScript, make their arguments from the same description, so that an
operator meets equal memory layouts in both.
"""

import math

import torch

DTYPE_NAMES = {value: str(value).removeprefix("torch.") for value in vars(torch).values() if isinstance(value, torch.dtype)}
NAMED = (torch.dtype, torch.layout, torch.memory_format, torch.qscheme)


class Recipe:
    """A tensor that an operator makes: Recipe("aten::to_mkldnn", [tensor])."""

    def __init__(self, operator, args, kwargs=None):
        self.operator, self.args, self.kwargs = operator, args, kwargs or {}

    def make(self):
        return overload(self.operator)(*[fresh(each) for each in self.args], **{k: fresh(v) for k, v in self.kwargs.items()})


class Seeded:
    """A generator of the CPU with this seed."""

    def __init__(self, seed):
        self.seed = seed


def overload(name):
    """torch.ops.aten.add.Tensor for "aten::add.Tensor"; the unnamed overload is "default"."""
    namespace, rest = name.split("::")
    packet, _, variant = rest.partition(".")
    return getattr(getattr(getattr(torch.ops, namespace), packet), variant or "default")


def is_plain(tensor):
    return (
        tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and not tensor.is_quantized
        and not tensor.is_nested
        and not tensor.is_conj()
        and not tensor.is_neg()
        and not tensor._is_zerotensor()
        and tensor.dtype in DTYPE_NAMES
    )


def is_batched(tensor):
    """Whether it is what vmap makes: most operators refuse it outside."""
    return torch._C._functorch.is_batchedtensor(tensor) or torch._C._functorch.is_legacy_batchedtensor(tensor)


def describe(tensor):
    """A recipe for a tensor that is not plain, the tensor itself when it is. None when neither can be."""
    with torch.no_grad():
        if is_plain(tensor):
            return tensor.detach()
        if tensor.is_nested or tensor.device.type == "meta":
            return None
        if tensor.is_conj():
            inner = describe(tensor.conj())
            return inner if inner is None else Recipe("aten::_conj", [inner])
        if tensor.is_neg():
            inner = describe(tensor._neg_view())
            return inner if inner is None else Recipe("aten::_neg_view", [inner])
        if tensor.is_quantized:
            return Recipe("aten::quantize_per_tensor", [tensor.dequantize(), 0.1, 10, tensor.dtype])
        if tensor.layout is torch.sparse_coo:
            kwargs = {"is_coalesced": True} if tensor.is_coalesced() else {}
            return Recipe("aten::sparse_coo_tensor.indices_size", [tensor._indices(), tensor._values(), list(tensor.shape)], kwargs)
        if tensor.layout in (torch.sparse_csr, torch.sparse_bsr):
            parts = [tensor.crow_indices(), tensor.col_indices(), tensor.values(), list(tensor.shape)]
            return Recipe("aten::sparse_compressed_tensor.comp_plain_value_size", parts, {"layout": tensor.layout, "dtype": tensor.dtype})
        if tensor.layout in (torch.sparse_csc, torch.sparse_bsc):
            parts = [tensor.ccol_indices(), tensor.row_indices(), tensor.values(), list(tensor.shape)]
            return Recipe("aten::sparse_compressed_tensor.comp_plain_value_size", parts, {"layout": tensor.layout, "dtype": tensor.dtype})
    return None


def fresh(value):
    """A value to call with that shares no memory with the description, so that an in-place operator leaves that alone."""
    if isinstance(value, torch.Tensor):
        elements = storage_elements(value).clone()
        return elements.as_strided(value.shape, value.stride(), 0)
    if isinstance(value, Recipe):
        return value.make()
    if isinstance(value, Seeded):
        return torch.Generator().manual_seed(value.seed)
    if isinstance(value, (list, tuple)):
        return [fresh(each) for each in value]
    return value


def storage_elements(tensor):
    """The elements between the first and the last that the tensor reaches, as one dimension."""
    if tensor.numel() == 0:
        return torch.empty(0, dtype=tensor.dtype)
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride()))
    return tensor.as_strided((last + 1,), (1,), tensor.storage_offset())


class Blob:
    """The bytes of all tensors, appended to one file."""

    def __init__(self, file):
        self.file = file

    def write(self, flat):
        data = flat.contiguous()
        size = data.numel() * data.element_size()
        at = self.file.tell()
        if size > 0:
            import ctypes

            self.file.write(ctypes.string_at(data.data_ptr(), size))
        # Typed arrays start at multiples of their element size.
        self.file.write(b"\0" * (-self.file.tell() % 16))
        return at, size


def encode_argument(value, blob):
    if isinstance(value, torch.Tensor):
        at, size = blob.write(storage_elements(value))
        return {"tensor": {"dtype": DTYPE_NAMES[value.dtype], "shape": list(value.shape), "strides": list(value.stride()), "at": at, "bytes": size}}
    if isinstance(value, Recipe):
        return {"recipe": [value.operator, [encode_argument(each, blob) for each in value.args], {k: encode_argument(v, blob) for k, v in value.kwargs.items()}]}
    if isinstance(value, Seeded):
        return {"generator": value.seed}
    if isinstance(value, (list, tuple)):
        return [encode_argument(each, blob) for each in value]
    return encode_plain(value)


def encode_plain(value):
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"bigint": str(value)}
    if isinstance(value, float):
        return {"double": value if math.isfinite(value) else str(value)}
    if isinstance(value, complex):
        return {"complex": [encode_plain(value.real), encode_plain(value.imag)]}
    if isinstance(value, NAMED):
        return {"name": str(value).removeprefix("torch.")}
    if isinstance(value, torch.device):
        return {"name": str(value)}
    raise TypeError(f"no encoding for {type(value)}")


def encode_result(value, blob):
    if isinstance(value, torch.Tensor):
        return encode_tensor_result(value, blob)
    if isinstance(value, (list, tuple)):
        return [encode_result(each, blob) for each in value]
    if isinstance(value, torch.Generator):
        return {"generator": value.initial_seed()}
    return encode_plain(value)


def encode_tensor_result(tensor, blob):
    """dtype, shape and, where the memory can be read, the contiguous bytes of the values."""
    result = {"dtype": DTYPE_NAMES[tensor.dtype], "layout": str(tensor.layout).removeprefix("torch.")}
    if tensor.is_nested or is_batched(tensor):
        return {"tensor": result}
    tensor = tensor.detach()
    result["shape"] = list(tensor.shape)
    if tensor.layout is torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized:
        # A zero tensor of autograd's has no memory until it is copied.
        flat = tensor.clone().resolve_conj().resolve_neg().contiguous()
        result["at"], result["bytes"] = blob.write(flat)
    return {"tensor": result}
