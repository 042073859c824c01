"""Arguments for overloads that no sample reaches: borrowed from the recorded calls of others, or made from the schema."""

import torch

from encoding import Seeded, fresh, overload
from schemas import arrange, base_name, bind, is_written

DONORS = 6


def type_of(argument):
    # The real type tells a dtype or a layout from the int that carries it.
    return str(argument.real_type).replace("SymInt", "int")


def family(name):
    """What _foo_, foo_copy, foo_backward.out and foo share."""
    return base_name(name).removeprefix("_").removeprefix("special_").removesuffix("_").removesuffix("_copy").removesuffix("_functional")


class Pool:
    """All recorded calls, found again by family and by the names and types of their arguments."""

    def __init__(self, recorded, schemas):
        self.calls = []
        for name, calls in recorded.items():
            schema = schemas.get(name)
            if schema is None:
                continue
            types = {each.name: type_of(each) for each in schema.arguments}
            self.calls += [(name, types, bind(schema, *call)) for call in calls]

    def borrow(self, name, schema):
        """Bound arguments for an overload, most fitting donors first, each of another operator."""
        wanted = {each.name: type_of(each) for each in schema.arguments if not (is_written(each) and each.kwarg_only)}
        ranked = []
        for order, (donor, types, bound) in enumerate(self.calls):
            shared = [key for key in wanted if key in bound and types[key] == wanted[key]]
            if not shared:
                continue
            same_family = family(donor) == family(name)
            ranked.append((not same_family, len(shared) < len(wanted), -len(shared), order, donor, {key: bound[key] for key in shared}))
        ranked.sort(key=lambda each: each[:4])
        seen = {}
        for *_, donor, bound in ranked:
            if seen.setdefault(donor, 0) < 1:
                seen[donor] += 1
                yield bound
            if len(seen) == DONORS:
                return


def filled(schema, bound, strategy):
    """Bound arguments with what is missing and has no default made by the strategy. `out` tensors come later."""
    complete = {}
    for argument in schema.arguments:
        if is_written(argument) and argument.kwarg_only:
            continue
        if argument.name in bound:
            complete[argument.name] = bound[argument.name]
        elif not argument.has_default_value():
            complete[argument.name] = strategy.value(argument, complete)
    return complete


def functional_of(name, schema, known):
    """The overload of the same operator without out arguments whose arguments have the same names, or None."""
    wanted = [(each.name, type_of(each)) for each in schema.arguments if not (is_written(each) and each.kwarg_only)]
    for other, its_schema in known.items():
        if base_name(other) == base_name(name) and other != name and [(each.name, type_of(each)) for each in its_schema.arguments] == wanted:
            return other
    return None


def out_arguments(name, schema, bound, known):
    """Empty tensors for `out`, of the dtypes that the functional overload gives."""
    outs = [each for each in schema.arguments if is_written(each) and each.kwarg_only]
    if not outs:
        return {}
    results = []
    functional = functional_of(name, schema, known)
    if functional is not None:
        try:
            args, kwargs = arrange(known[functional], bound)
            result = overload(functional)(*[fresh(each) for each in args], **{key: fresh(value) for key, value in kwargs.items()})
            results = list(result) if isinstance(result, tuple) else [result]
        except Exception:
            pass
    made = {}
    for index, argument in enumerate(outs):
        like = results[index] if index < len(results) else None
        if "List" in str(argument.type):
            made[argument.name] = [empty_like(each) for each in like] if isinstance(like, (list, tuple)) else [torch.empty(0)] * 2
        else:
            made[argument.name] = empty_like(like)
    return made


def empty_like(tensor):
    if not isinstance(tensor, torch.Tensor) or tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        return torch.empty(0)
    return torch.zeros(tensor.shape, dtype=tensor.dtype)


class Strategy:
    """One way to make up arguments: all tensors of one shape and dtype, but for the names that tell more."""

    def __init__(self, shape, dtype=torch.float32):
        self.shape, self.dtype = shape, dtype

    def tensor(self, name):
        generator = torch.Generator().manual_seed(len(name))
        if any(word in name for word in ("ind", "offset", "length", "target", "idx", "size", "shape")):
            return torch.zeros(self.shape[:1] or (1,), dtype=torch.int64)
        if "mask" in name:
            return torch.ones(self.shape, dtype=torch.bool)
        if name in ("weight", "bias", "running_mean", "running_var", "save_mean", "save_invstd", "scale", "zero_point") and len(self.shape) > 1:
            return torch.ones(self.shape[1])
        values = torch.rand(self.shape, generator=generator) * 2 + 0.5
        return values.to(self.dtype)

    def value(self, argument, complete):
        text = type_of(argument)
        if text.startswith("Optional") and not text.startswith("Optional[Tensor]"):
            return None
        if text in ("Tensor", "Optional[Tensor]"):
            return self.tensor(argument.name)
        if text.startswith("List[Tensor]"):
            return [self.tensor(argument.name), self.tensor(argument.name)]
        if text.startswith("List[Optional[Tensor]]"):
            return [torch.zeros(2, dtype=torch.int64)]
        return self.plain(argument.name, text, argument.N)

    def plain(self, name, text, length):
        if text in NAMED:
            return NAMED[text]
        if text == "int":
            return {"dim": 0, "dim0": 0, "dim1": 1, "start_dim": 0, "end_dim": 1, "padding": 0, "bins": 4, "reduction": 1}.get(name, 1)
        if text == "float":
            return 0.5
        if text == "number":
            return 1
        if text == "bool":
            return False
        if text == "str":
            return {"equation": "i->i", "reduce": "sum", "padding": "same", "mode": "reduced"}.get(name, "mean")
        if text == "List[int]":
            if name in ("padding", "output_padding"):
                return [0] * (length or 2)
            if name in ("size", "output_size", "sizes", "input_size"):
                return list(self.shape)
            if name in ("dim", "dims"):
                return [0]
            return [1] * (length or 2)
        if text == "List[float]":
            return [0.5, 0.5]
        if text == "List[bool]":
            return [True] * (length or 2)
        if text == "List[number]":
            return [1, 2]
        if text == "Generator":
            return Seeded(0)
        return None


NAMED = {
    "ScalarType": torch.float32,
    "Layout": torch.strided,
    "MemoryFormat": torch.contiguous_format,
    "Device": torch.device("cpu"),
}

STRATEGIES = [
    Strategy((3, 3)),
    Strategy((2, 3, 4, 4)),
    Strategy((4,)),
    Strategy((2, 3, 4)),
    Strategy((2, 3, 4, 4, 4)),
    Strategy((3, 3), torch.int64),
    Strategy(()),
    Strategy((3, 3), torch.bool),
    Strategy((2, 3), torch.complex64),
    Strategy((4, 4), torch.float64),
    Strategy((2, 3), torch.uint8),
    Strategy((2, 3), torch.int8),
]
