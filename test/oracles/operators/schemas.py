"""The overloads to cover and what their schemas say."""

import torch

# A call on CPU tensors can end in a kernel of any of these.
KEYS = (
    "CPU",
    "CompositeImplicitAutograd",
    "CompositeExplicitAutograd",
    "CompositeExplicitAutogradNonFunctional",
    "CompositeImplicitAutogradNestedTensor",
)


def overloads():
    """(name, schema) of every aten overload with a CPU or composite kernel; the unnamed overload is "aten::sum"."""
    found = []
    for name in sorted(torch._C._dispatch_get_all_op_names()):
        if name.startswith("aten::") and any(torch._C._dispatch_has_kernel_for_dispatch_key(name, key) for key in KEYS):
            base, _, variant = name.partition(".")
            found.append((name, torch._C._get_schema(base, variant)))
    return found


def base_name(name):
    return name.removeprefix("aten::").partition(".")[0]


def is_written(argument):
    return argument.alias_info is not None and argument.alias_info.is_write


def bind(schema, args, kwargs):
    """Arguments by their names."""
    positional = [each.name for each in schema.arguments]
    return {**dict(zip(positional, args)), **kwargs}


def arrange(schema, bound):
    """The reverse of bind: positional up to the first that is not given, the rest by name."""
    args, kwargs = [], {}
    for argument in schema.arguments:
        if argument.name not in bound:
            continue
        if argument.kwarg_only or len(args) != schema.arguments.index(argument) or kwargs:
            kwargs[argument.name] = bound[argument.name]
        else:
            args.append(bound[argument.name])
    return args, kwargs
