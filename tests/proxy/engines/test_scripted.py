from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace

import pytest

from proxy.engines.scripted import ScriptedEngine, echo
from proxy.generation import Tokens
from tests.proxy.engines.test_tensors import GENERATION


async def test_it_plays_tokens_and_raises_errors() -> None:
    engine = ScriptedEngine(lambda _: [Tokens((5,)), 0.001, ValueError("oh")])
    stream = engine.generate(GENERATION)
    assert await stream.__anext__() == Tokens((5,))
    with pytest.raises(ValueError, match="oh"):
        await stream.__anext__()
    assert (engine.asked, engine.running, engine.cancelled) == ([GENERATION], 0, 0)


async def test_it_counts_what_runs_and_what_was_closed_early() -> None:
    engine = ScriptedEngine(echo)
    async with aclosing(engine.generate(GENERATION)) as stream:
        await stream.__anext__()
        assert (engine.running, engine.cancelled) == (1, 0)
    assert (engine.running, engine.cancelled) == (0, 1)


async def test_an_answer_that_came_to_its_end_is_not_cancelled() -> None:
    engine = ScriptedEngine(echo)
    tokens = [tokens async for tokens in engine.generate(replace(GENERATION, prompt=[5, 2]))]
    assert tokens == [Tokens((5,)), Tokens((), (), "stop")]
    assert (engine.running, engine.cancelled) == (0, 0)
