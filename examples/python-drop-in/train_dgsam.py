"""After: the same with DGSAM. Another optimizer, and one closure per domain instead of two passes over the mean loss.

    python train_dgsam.py [PATH_TO_LIBDGSAM_OPS]
"""

import sys
import time

import torch

import train_sam
from dgsam import DGSAM, load_library
from digits import SOURCES, batch, network, report


def train(steps=train_sam.STEPS):
    """The trained model, the mean losses, and the seconds a step took."""
    model, generator = network(), torch.Generator().manual_seed(0)
    optimizer = DGSAM(model.parameters(), torch.optim.Adam, rho=0.05, lr=3e-3)
    history, seconds = [], 0.0
    for _ in range(steps):
        batches = [batch(degrees, 32, generator) for degrees in SOURCES]
        start = time.perf_counter()

        losses = optimizer.step([lambda x=x, y=y: torch.nn.functional.cross_entropy(model(x), y) for x, y in batches])

        seconds += time.perf_counter() - start
        history.append(sum(losses) / len(losses))
    return model, history, seconds / steps


if __name__ == "__main__":
    try:
        load_library(sys.argv[1] if len(sys.argv) > 1 else None)
    except OSError as error:
        sys.exit(str(error))
    model, history, seconds = train()
    report("DGSAM", history, model)
    print(f"time of a DGSAM step / of a SAM step: {seconds / train_sam.train()[2]:.2f} (4 gradients against 6)")
