"""What an engine hands to the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Piece:
    """What one step made for one sequence. ids may include the end id and more; log_probs are as many (or none
    if not wanted); logits: [ids, vocabulary], the model's own, before bias, penalties and temperature (None if
    not wanted); ended: nothing will follow; error: nothing will follow because of this."""

    key: int
    ids: Sequence[int] = ()
    log_probs: Sequence[float] = ()
    ended: bool = False
    error: str | None = None
    logits: npt.NDArray[np.float32] | None = field(default=None, compare=False)
