"""The sharpness-aware family in plain PyTorch, each algorithm a transcription of its paper's formula: the oracle of the
tests and of `dgsam parity`, and the benchmark's other side.
"""

from .alone import Alone
from .asam import ASAM
from .dgsam import DGSAM
from .disam import DISAM
from .erm import ERM
from .gsam import GSAM
from .looksam import LookSAM
from .sagm import SAGM
from .sam import SAM

ALGORITHMS = {each.__name__: each for each in (Alone, ERM, SAM, ASAM, GSAM, SAGM, DISAM, LookSAM, DGSAM)}
