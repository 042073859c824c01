"""Fills Inductor's cache with what `npm run bench:gpu -- --only compiled` will compile: `python torch_compile_ahead.py <device>`.

The same networks and formats, in the same order (compiledRows in steps.mjs). What has been compiled when it is ended stays.
"""

import sys

from torch_steps import NETWORKS, body

if __name__ == "__main__":
    (device,) = sys.argv[1:]
    for network in NETWORKS:
        for options in ({"autocast": "bfloat16", "channels_last": True}, {}):
            body(network, "compiled", device=device, **options)(1)
            print(network, options, flush=True)
