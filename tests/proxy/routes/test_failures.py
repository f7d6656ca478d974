from __future__ import annotations

from collections.abc import Callable

import pytest

from proxy.engines.scripted import Script
from proxy.errors import ContextLengthExceeded, EngineFailed, ForiiError, ModelUnavailable
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.served import Serve

FAILURES: list[tuple[Exception, int, str]] = [
    (ModelUnavailable("Try again."), 503, "model_unavailable"),
    (EngineFailed("Send it again."), 502, "engine_error"),
    (ContextLengthExceeded("Too long.", "messages"), 400, "context_length_exceeded"),
    (RuntimeError("secret"), 500, "internal_error"),
]


def fails_after(count: int, error: Exception, pause: float = 0.0) -> Script:
    def script(_: Generation) -> list[Tokens | float | Exception]:
        return [*([Tokens(b"a")] * count), pause, error]

    return script


def fails_in_one(error: Exception) -> Callable[[Generation], list[Tokens | float | Exception]]:
    """The first sample fails after a token; the others would go on for long."""
    turns: list[Generation] = []

    def script(generation: Generation) -> list[Tokens | float | Exception]:
        turns.append(generation)
        return [Tokens(b"a"), 0.02, error] if len(turns) == 1 else [0.001, Tokens(b"b")] * 5000

    return script


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=[failure[2] for failure in FAILURES])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("n", [1, 3])
async def test_a_failure_before_the_first_token_keeps_its_status(
    failure: Exception, status: int, code: str, stream: bool, n: int, serve: Serve
) -> None:
    client, engine = serve(fails_after(0, failure, pause=0.01))
    response = await client.post(chat.URL, json=chat.body(stream=stream, n=n))
    error = chat.error(response)
    assert (response.status_code, error["code"]) == (status, code)
    assert response.headers["content-type"] == "application/json"
    assert "secret" not in response.text
    if isinstance(failure, ForiiError):
        assert error["param"] == failure.param
    assert ("retry-after" in response.headers) == (status == 503)
    assert engine.running == 0


@pytest.mark.parametrize(("failure", "status", "code"), FAILURES, ids=[failure[2] for failure in FAILURES])
@pytest.mark.parametrize("n", [1, 3])
async def test_a_later_failure_of_a_stream_is_an_event_and_then_done(
    failure: Exception, status: int, code: str, n: int, serve: Serve
) -> None:
    client, engine = serve(fails_in_one(failure))
    response = await client.post(chat.URL, json=chat.body(stream=True, n=n))
    assert response.status_code == 200
    *others, last = chat.events(response.text)
    assert chat.contents(others)[0] == "a"
    error = last["error"]
    assert isinstance(error, dict)
    assert (set(error), error["code"]) == ({"message", "type", "param", "code"}, code)
    assert "secret" not in response.text
    assert engine.running == 0


@pytest.mark.parametrize("n", [1, 3])
async def test_a_later_failure_of_a_whole_answer_is_its_status(n: int, serve: Serve) -> None:
    client, engine = serve(fails_in_one(EngineFailed("Send it again.")))
    response = await client.post(chat.URL, json=chat.body(n=n))
    assert (response.status_code, chat.error(response)["code"]) == (502, "engine_error")
    assert engine.running == 0
    assert engine.cancelled == n - 1
