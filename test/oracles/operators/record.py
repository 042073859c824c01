"""Calls every aten overload that a CPU can run and writes down arguments, results and errors.

    python record.py FOLDER

leaves FOLDER/calls.jsonl, a line a call, and FOLDER/tensors.bin, the bytes it points into. Operators may end the
process, so calls run in a forked child; when one dies, the next child goes on after the call that killed it, and the line
says `crashed`.
"""

import json
import mmap
import os
import signal
import struct
import sys
import warnings

sys.dont_write_bytecode = True
import torch  # noqa: E402

import candidates  # noqa: E402
import curated  # noqa: E402
import samples  # noqa: E402
from encoding import Blob, encode_argument, encode_result, fresh, is_batched, overload  # noqa: E402
from schemas import arrange, bind, is_written, overloads  # noqa: E402

SEED = 1234
SECONDS_PER_CALL = 20
SUCCESSES = 2

# These hand out memory as they find it: only dtype and shape are defined.
UNINITIALISED = ("empty", "new_empty", "resize", "_empty", "_resize", "set", "_make_dep_token")
# This one counts how often memory was written to, which the two sides do differently when they make their arguments.
DIFFERENT_ON_PURPOSE = ("_version",)
# c10/core/ScalarType.h
DTYPE_BY_CODE = (
    torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64,
    torch.complex32, torch.complex64, torch.complex128, torch.bool, torch.qint8, torch.quint8, torch.qint32, torch.bfloat16,
)


def attempts(name, schema, recorded, pool, known):
    """Ways to call one overload, best first, as functions that give (args, kwargs)."""
    for bound in curated.calls(name, schema):
        yield lambda bound=bound: complete(name, schema, bound, known, candidates.STRATEGIES[0])
    for args, kwargs in recorded.get(name, []):
        yield lambda args=args, kwargs=kwargs: (args, kwargs)
    for bound in pool.borrow(name, schema):
        for strategy in candidates.STRATEGIES[:2]:
            yield lambda bound=bound, strategy=strategy: complete(name, schema, bound, known, strategy)
    for strategy in candidates.STRATEGIES:
        yield lambda strategy=strategy: complete(name, schema, {}, known, strategy)


def complete(name, schema, bound, known, strategy):
    bound = candidates.filled(schema, bound, strategy)
    bound.update(candidates.out_arguments(name, schema, bound, known))
    return arrange(schema, bound)


def same(a, b):
    if isinstance(a, torch.Tensor):
        if is_batched(a) or a.layout is not torch.strided or a.is_nested or a.is_quantized or a.device.type != "cpu":
            return True  # no bytes are recorded of these
        try:
            return torch.equal(a.reshape(-1).contiguous().view(torch.uint8), b.reshape(-1).contiguous().view(torch.uint8))
        except RuntimeError:
            return True
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b or a != a


def run(name, schema, args, kwargs):
    """One call on arguments of its own: (result, written arguments), with the seed set as the replay sets it."""
    args = [fresh(each) for each in args]
    kwargs = {key: fresh(value) for key, value in kwargs.items()}
    torch.manual_seed(SEED)
    result = overload(name)(*args, **kwargs)
    bound = bind(schema, args, kwargs)
    written = {each.name: bound[each.name] for each in schema.arguments if is_written(each) and bound.get(each.name) is not None}
    return result, written


def litter(byte):
    """Leaves freed memory of many sizes full of this byte, so that two runs show what an operator leaves unwritten."""
    junk = [torch.full((size,), byte, dtype=torch.uint8) for size in range(16, 1025, 48) for _ in range(4)]
    del junk


def is_deterministic(name, schema, args, kwargs, result, written):
    if name.removeprefix("aten::").startswith(UNINITIALISED + DIFFERENT_ON_PURPOSE):
        return False
    litter(0xA5)
    again, written_again = run(name, schema, args, kwargs)
    return same(result, again) and same(list(written.values()), list(written_again.values()))


def named(schema, result):
    """torch.ops gives dtypes as the numbers that carry them."""
    if len(schema.returns) == 1 and str(schema.returns[0].real_type) == "ScalarType" and isinstance(result, int):
        return DTYPE_BY_CODE[result]
    return result


def perform(name, schema, args, kwargs, blob):
    """The line for one call, and whether it succeeded."""
    line = {
        "operator": name if "." in name else name + ".default",
        "args": [encode_argument(each, blob) for each in args],
        "kwargs": {key: encode_argument(value, blob) for key, value in kwargs.items()},
    }
    try:
        litter(0x5A)
        result, written = run(name, schema, args, kwargs)
    except Exception as error:
        if "Expected a value of type" in str(error):
            raise  # said by Python's argument parser, not by the operator
        return {**line, "error": {"type": type(error).__name__, "message": str(error).split("\n", 1)[0].strip()}}, False
    return {
        **line,
        "result": encode_result(named(schema, result), blob),
        "written": {key: encode_result(value, blob) for key, value in written.items()},
        "deterministic": is_deterministic(name, schema, args, kwargs, result, written),
    }, True


def work(items, progress, folder, recorded, pool, known):
    """Runs in the child: goes through the overloads from where `progress` stands."""
    overload_index, attempt_index = struct.unpack("qq", progress[:16])
    with open(f"{folder}/calls.jsonl", "a") as lines, open(f"{folder}/tensors.bin", "ab") as file:
        blob = Blob(file)
        for index in range(overload_index, len(items)):
            name, schema = items[index]
            successes, failure = 0, None
            for number, attempt in enumerate(attempts(name, schema, recorded, pool, known)):
                if index == overload_index and number < attempt_index:
                    continue
                progress[:16] = struct.pack("qq", index, number)
                signal.alarm(SECONDS_PER_CALL)
                at = file.tell()
                try:
                    line, succeeded = perform(name, schema, *attempt(), blob)
                except Exception as error:  # a value without an encoding
                    line, succeeded = {"operator": name, "unrecorded": f"{type(error).__name__}: {error}".split("\n", 1)[0]}, False
                signal.alarm(0)
                if succeeded:
                    lines.write(json.dumps(line) + "\n")
                    successes += 1
                    if successes == SUCCESSES or name not in recorded:
                        break
                else:
                    # Only the first failure is of use, and only when nothing succeeds.
                    if failure is None or "unrecorded" in failure:
                        failure = line
                    else:
                        file.truncate(at)
                        file.seek(at)
            if successes == 0:
                lines.write(json.dumps(failure or {"operator": name, "unrecorded": "no arguments"}) + "\n")
            lines.flush()
            file.flush()
    signal.alarm(0)
    os._exit(0)


def main(folder):
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)  # forking after threads have started would leave the child without them
    os.makedirs(folder, exist_ok=True)
    for name in ("calls.jsonl", "tensors.bin"):
        open(f"{folder}/{name}", "w").close()
    items = overloads()
    known = dict(items)
    recorded = samples.record()
    pool = candidates.Pool(recorded, known)
    progress = mmap.mmap(-1, 16)
    while True:
        child = os.fork()
        if child == 0:
            try:
                work(items, progress, folder, recorded, pool, known)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(3)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.exit(os.WEXITSTATUS(status))
        index, number = struct.unpack("qq", progress[:16])
        with open(f"{folder}/calls.jsonl", "a") as lines:
            lines.write(json.dumps({"operator": items[index][0], "crashed": signal.Signals(os.WTERMSIG(status)).name, "attempt": number}) + "\n")
        progress[:16] = struct.pack("qq", index, number + 1)


if __name__ == "__main__":
    main(sys.argv[1])
