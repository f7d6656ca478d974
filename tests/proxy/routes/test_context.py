"""Prompts that are too long for the context of 600 tokens, over HTTP: what is cut, and what is refused."""

from __future__ import annotations

import pytest

from tests.proxy import chat
from tests.proxy.byte_model import CONTEXT
from tests.proxy.scripts import says
from tests.proxy.served import Serve

ERROR = {"context_length_exceeded_behavior": "error"}
ROOM = CONTEXT // 4


def talk(*texts: str, **fields: object) -> dict[str, object]:
    """A conversation: s: a system message, else turn by turn."""
    messages = [
        {"role": "system", "content": text[2:]}
        if text.startswith("s:")
        else {"role": ["user", "assistant"][place % 2], "content": text}
        for place, text in enumerate(texts)
    ]
    return {"model": "forii/bytes", "messages": messages, **fields}


def read(prompt: object) -> str:
    assert isinstance(prompt, list)
    return bytes(token for token in prompt if token < 256).decode()


@pytest.mark.parametrize("fields", [{}, {"context_length_exceeded_behavior": "truncate"}, {"stream": True}])
async def test_the_oldest_go_and_the_header_says_how_much(fields: dict[str, object], serve: Serve) -> None:
    client, engine = serve(says("ok"))
    body = talk("a" * 200, "b" * 200, "c" * 200, "d" * 100, **fields)
    response = await client.post(chat.URL, json=body)
    assert response.status_code == 200, response.text
    (generation,) = engine.asked
    assert read(generation.prompt) == f"user\n{'c' * 200}\nassistant\n{'d' * 100}\nassistant\n"
    assert int(response.headers["x-forii-prompt-tokens"]) == len(generation.prompt)
    gone = [f"user\n{'a' * 200}\n", f"assistant\n{'b' * 200}\n"]
    assert response.headers["x-forii-truncated-tokens"] == str(sum(map(len, gone)) + 2 * len(gone))
    assert generation.max_tokens == CONTEXT - len(generation.prompt)


async def test_nothing_is_cut_from_what_fits(serve: Serve) -> None:
    client, _ = serve(says("ok"))
    response = await client.post(chat.URL, json=talk("a"))
    assert response.headers["x-forii-truncated-tokens"] == "0"


async def test_error_refuses_instead_with_the_numbers(serve: Serve) -> None:
    client, engine = serve()
    for stream in (False, True):
        response = await client.post(chat.URL, json=talk("a" * 800, stream=stream, **ERROR))
        error = chat.error(response)
        assert (response.status_code, error["code"], error["param"]) == (
            400,
            "context_length_exceeded",
            "messages",
        )
        for number in (CONTEXT, 800 + 19, ROOM):
            assert str(number) in str(error["message"])
    assert engine.asked == []


async def test_a_single_message_loses_its_beginning(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    response = await client.post(chat.URL, json=talk("a" * 5000 + "The end."))
    (generation,) = engine.asked
    assert len(generation.prompt) == CONTEXT - ROOM
    assert read(generation.prompt).endswith("aaaThe end.\nassistant\n")
    assert response.headers["x-forii-truncated-tokens"] == str(5008 + 19 - (CONTEXT - ROOM))


@pytest.mark.parametrize("behavior", ["truncate", "error"])
async def test_system_messages_that_do_not_fit_alone_are_refused(behavior: str, serve: Serve) -> None:
    client, engine = serve()
    for body in (talk("s:" + "a" * 800), talk("s:" + "a" * 400, "x", "s:" + "b" * 100, "y")):
        body["context_length_exceeded_behavior"] = behavior
        response = await client.post(chat.URL, json=body)
        error = chat.error(response)
        assert (response.status_code, error["code"], error["param"]) == (
            400,
            "context_length_exceeded",
            "messages",
        )
        assert str(CONTEXT) in str(error["message"])
        assert ("cannot be left out" in str(error["message"])) == (behavior == "truncate")
    assert engine.asked == []


async def test_system_messages_stay_where_they_are(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    await client.post(chat.URL, json=talk("s:one", "b" * 500, "s:two", "d" * 300))
    assert read(engine.asked[0].prompt) == f"system\none\nsystem\ntwo\nassistant\n{'d' * 300}\nassistant\n"


async def test_a_call_goes_with_its_result(serve: Serve) -> None:
    client, engine = serve(says("ok"))
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [
        {"role": "assistant", "content": "x" * 300, "tool_calls": [call]},
        {"role": "user", "content": "wait"},
        {"role": "tool", "tool_call_id": "c1", "content": "42"},
        {"role": "user", "content": "y" * 200},
    ]
    await client.post(chat.URL, json={"model": "forii/bytes", "messages": messages})
    assert read(engine.asked[0].prompt) == f"user\nwait\nuser\n{'y' * 200}\nassistant\n"


@pytest.mark.parametrize("wanted", [10, 10**6])
async def test_a_smaller_answer_leaves_more_of_the_prompt(wanted: int, serve: Serve) -> None:
    client, engine = serve(says("ok"))
    await client.post(chat.URL, json=talk("a" * 900, max_tokens=wanted))
    (generation,) = engine.asked
    room = min(wanted, ROOM)
    assert (len(generation.prompt), generation.max_tokens) == (CONTEXT - room, room)


async def test_a_behavior_that_is_none_is_refused(serve: Serve) -> None:
    client, engine = serve()
    response = await client.post(chat.URL, json=talk("a", context_length_exceeded_behavior="rolling"))
    error = chat.error(response)
    assert (error["code"], error["param"]) == ("invalid_value", "context_length_exceeded_behavior")
    assert "'truncate' or 'error'" in str(error["message"])
    assert engine.asked == []
