"""A client that goes away frees the engine within 300 ms, by the engine's own metric."""

from __future__ import annotations

import openai
import pytest
from openai import OpenAI

from tests.sdk.chat import ENDLESS, streamed, whole
from tests.sdk.engine_gauge import EngineGauge

# What is promised, and some more for a machine that does other things too.
_FREE_WITHIN = 1.0


@pytest.mark.parametrize("samples", [1, 3])
def test_a_stream_that_is_closed(client: OpenAI, engine: EngineGauge, samples: int) -> None:
    stream = streamed(client, **ENDLESS, n=samples)
    next(iter(stream))
    engine.wait_for(samples, 5)
    stream.close()
    engine.wait_for(0, _FREE_WITHIN)


@pytest.mark.parametrize("samples", [1, 3])
def test_a_whole_answer_that_is_given_up(client: OpenAI, engine: EngineGauge, samples: int) -> None:
    with pytest.raises(openai.APITimeoutError):
        whole(client.with_options(timeout=1.5), **ENDLESS, n=samples)
    engine.wait_for(0, _FREE_WITHIN)
