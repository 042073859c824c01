"""Fills Inductor's cache with what `npm run bench:gpu -- --only compiled` will compile: `python torch_compile_ahead.py <device> [<network>]`.

The same networks and formats (compiledRows in steps.mjs); without a name each network in a process of its own, all at once. What has been
compiled when it is ended stays.
"""

import signal
import subprocess
import sys

from torch_steps import NETWORKS, body


def compile_all(device, network):
    for options in ({"autocast": "bfloat16", "channels_last": True}, {}):
        body(network, "compiled", device=device, **options)(1)
        print(network, options, flush=True)


if __name__ == "__main__":
    device, *names = sys.argv[1:]
    if names:
        compile_all(device, names[0])
    else:
        running = [subprocess.Popen([sys.executable, "-B", __file__, device, network]) for network in NETWORKS]
        # Whoever ends all of them (timeout) waits for this one: it goes when the GPU is free.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(any([each.wait() for each in running]))
