"""The logits of the scripted engine: those of an id depend on that id alone.

::

    id                    the id itself   the 4 after it, round and round   any other
    log-probability       -0.5            log 0.2, 0.1, 0.05, 0.02          log of its share of what is left
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_CHANCES = (math.exp(-0.5), 0.2, 0.1, 0.05, 0.02)


def logits(token: int, vocab_size: int) -> npt.NDArray[np.float32]:
    """The row from which `token` is played, [vocabulary]: log-probabilities. vocab_size: more than 5."""
    rest = (1 - sum(_CHANCES)) / (vocab_size - len(_CHANCES))
    row = np.full(vocab_size, math.log(rest), dtype=np.float32)
    for place, chance in enumerate(_CHANCES):
        row[(token + place) % vocab_size] = math.log(chance)
    return row
