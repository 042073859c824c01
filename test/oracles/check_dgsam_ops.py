"""Checks the operators of the library dgsam:: against straightforward PyTorch.

    python check_dgsam_ops.py PATH_TO_LIBDGSAM_OPS

prints "N passed, N failed" last and exits 1 when a check failed. With --digest it prints the instruction set in use
(ATEN_CPU_CAPABILITY) and a hash of what the kernels give on fixed numbers instead: the hash is the same for every
instruction set and number of threads.
"""

import sys
import traceback

import torch

torch.ops.load_library(sys.argv[1])

from dgsam_ops import descent, foreach, gradients, images, late, rules, values  # noqa: E402, F401 (importing them registers the checks)
from dgsam_ops.digest import digest  # noqa: E402
from dgsam_ops.problem import checks  # noqa: E402


def main():
    if "--digest" in sys.argv:
        print(torch.backends.cpu.get_cpu_capability(), digest())
        return 0
    failed = 0
    for function in checks:
        name = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok    {name}")
        except Exception:  # Whatever goes wrong is this check's failure.
            failed += 1
            print(f"FAIL  {name}\n{traceback.format_exc()}")
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
