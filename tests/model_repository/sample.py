"""A request as the engines get it, for tests that need one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from request import Guide, Request

_PLAIN = Request(
    ids=np.array([5, 6, 7], np.int32),
    room=8,
    end_id=2,
    stop_words=(),
    greedy=True,
    temperature=1.0,
    top_k=0,
    top_p=1.0,
    repetition_penalty=1.0,
    presence_penalty=0.0,
    frequency_penalty=0.0,
    seed=0,
    log_probs=False,
    logits=False,
    perf_metrics=False,
    guide=None,
    bias=None,
)


def request(
    ids: Sequence[int] = (5, 6, 7),
    *,
    room: int = 8,
    end_id: int = 2,
    stop_words: tuple[tuple[int, ...], ...] = (),
    log_probs: bool = False,
    guide: Guide | None = None,
) -> Request:
    """A greedy request."""
    return replace(
        _PLAIN,
        ids=np.array(ids, np.int32),
        room=room,
        end_id=end_id,
        stop_words=stop_words,
        log_probs=log_probs,
        guide=guide,
    )
