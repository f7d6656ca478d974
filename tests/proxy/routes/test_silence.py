"""What a stream sends while the engine says nothing."""

from __future__ import annotations

from proxy.errors import ModelUnavailable
from proxy.generation import Generation, Tokens
from tests.proxy import chat
from tests.proxy.served import Serve

COMMENT = ": keep-alive\n\n"


def thinks(before: float, within: float = 0.0) -> list[Tokens | float | Exception]:
    return [before, Tokens(b"a"), within, Tokens(b"b", (), "stop")]


async def test_the_status_line_waits_for_the_engine_but_not_for_ever(serve: Serve) -> None:
    client, _ = serve(lambda _: thinks(0.3), first_answer_seconds=0.1, keep_alive_seconds=0.15)
    response = await client.post(chat.URL, json=chat.body(stream=True))
    assert response.status_code == 200
    assert "x-forii-ttft-ms" not in response.headers
    assert response.headers["x-forii-prompt-tokens"]
    assert response.text.startswith(COMMENT)
    assert chat.contents(chat.events(response.text)) == {0: "ab"}


async def test_a_failure_after_the_status_line_is_an_event_though_no_token_came(serve: Serve) -> None:
    def script(_: Generation) -> list[float | Exception]:
        return [0.2, ModelUnavailable("Try again.")]

    client, engine = serve(script, first_answer_seconds=0.05)
    response = await client.post(chat.URL, json=chat.body(stream=True))
    assert response.status_code == 200
    (event,) = chat.events(response.text)
    error = event["error"]
    assert isinstance(error, dict)
    assert error["code"] == "model_unavailable"
    assert engine.running == 0


async def test_each_silence_within_a_stream_is_broken_by_comments(serve: Serve) -> None:
    client, _ = serve(lambda _: thinks(0, 0.5), first_answer_seconds=0.1, keep_alive_seconds=0.1)
    text = (await client.post(chat.URL, json=chat.body(stream=True))).text
    assert 2 <= text.count(COMMENT) <= 5
    assert text.index('"content":"a"') < text.index(COMMENT) < text.index('"content":"b"')
    assert chat.contents(chat.events(text)) == {0: "ab"}


async def test_a_stream_that_flows_has_no_comments(serve: Serve) -> None:
    steps: list[Tokens | float | Exception] = [0.02, Tokens(b"a")] * 30
    client, _ = serve(lambda _: [*steps, Tokens((), (), "stop")], first_answer_seconds=0.2, keep_alive_seconds=0.4)
    response = await client.post(chat.URL, json=chat.body(stream=True))
    assert COMMENT not in response.text


async def test_a_whole_answer_has_none_and_waits_as_long_as_it_takes(serve: Serve) -> None:
    client, _ = serve(lambda _: thinks(0.2), first_answer_seconds=0.05, keep_alive_seconds=0.05)
    response = await client.post(chat.URL, json=chat.body())
    assert response.json()["choices"][0]["message"]["content"] == "ab"
