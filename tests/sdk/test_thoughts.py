"""Thoughts through the official client, on the real model before a template that opens one: budgets, and what
binds the answer behind the thought."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import jsonschema_rs
import pytest
import pytest_asyncio
from openai import AsyncOpenAI, AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.deployed import DEPLOYED
from tests.sdk.chat import user
from tests.sdk.forii_server import ForiiServer
from tests.sdk.schemas import PERSON
from tests.sdk.thinker import THINKER, write_thinker

pytestmark = pytest.mark.skipif(DEPLOYED is not None, reason="serves a model of its own")

MINIMAL = 256
COLOUR = {"type": "object", "properties": {"colour": {"enum": ["red", "green"]}}, "required": ["colour"]}
PAINT = {"type": "function", "function": {"name": "paint", "parameters": COLOUR | {"additionalProperties": False}}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "person", "schema": PERSON}}


@pytest.fixture(scope="module")
def server(built_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForiiServer]:
    cache, folder = built_model.parents[1], tmp_path_factory.mktemp("thinker")
    server = ForiiServer(cache, folder, (str(write_thinker(folder, cache)),))
    try:
        server.wait_ready()
        yield server
    finally:
        server.stop()
        server.wait_gone()


@pytest_asyncio.fixture
async def client(server: ForiiServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


class Answered(NamedTuple):
    """thought: None where the answer has no word of one."""

    thought: str | None
    content: str | None
    calls: list[tuple[str, str]]
    finish: str | None
    reasoning_tokens: int | None
    completion_tokens: int


async def ask(client: AsyncOpenAI, **options: object) -> Answered:
    create: Callable[..., Awaitable[ChatCompletion]] = client.chat.completions.create
    found = await create(**{"model": THINKER, "messages": user("What colour is grass?"), "seed": 4, **options})
    (choice,) = found.choices
    calls = [call.function for call in choice.message.tool_calls or () if call.type == "function"]
    assert found.usage is not None
    assert found.usage.completion_tokens_details is not None
    return Answered(
        getattr(choice.message, "reasoning_content", None),
        choice.message.content,
        [(call.name, call.arguments) for call in calls],
        choice.finish_reason,
        found.usage.completion_tokens_details.reasoning_tokens,
        found.usage.completion_tokens,
    )


async def test_a_budget_ends_the_thought_and_the_answer_follows(client: AsyncOpenAI) -> None:
    one = await ask(client, reasoning_effort="minimal", max_tokens=MINIMAL + 24)
    assert one.thought
    assert one.content
    assert "<think>" not in one.thought + one.content
    assert "</think>" not in one.thought + one.content
    assert one.reasoning_tokens is not None
    assert 0 < one.reasoning_tokens <= MINIMAL
    assert one.completion_tokens > one.reasoning_tokens


async def test_streamed_it_is_the_same(client: AsyncOpenAI) -> None:
    options: dict[str, object] = {"reasoning_effort": "minimal", "max_tokens": MINIMAL + 24}
    begin: Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]] = client.chat.completions.create
    whole = asyncio.ensure_future(ask(client, **options))
    thought, content, thinking = "", "", True
    stream = await begin(model=THINKER, messages=user("What colour is grass?"), seed=4, stream=True, **options)
    async for chunk in stream:
        (choice,) = chunk.choices
        piece = getattr(choice.delta, "reasoning_content", None) or ""
        assert thinking or not piece
        thinking = thinking and not choice.delta.content
        thought, content = thought + piece, content + (choice.delta.content or "")
    one = await whole
    assert (thought, content) == (one.thought, one.content)


async def test_no_effort_is_no_thought(client: AsyncOpenAI) -> None:
    one = await ask(client, reasoning_effort="none", max_tokens=16)
    assert (one.thought, one.reasoning_tokens) == (None, 0)
    assert one.content


@pytest.mark.parametrize("effort", ["none", "minimal"])
async def test_schemas_and_forced_calls_bind_what_follows(effort: str, client: AsyncOpenAI) -> None:
    room = MINIMAL + 120
    person, paint = await asyncio.gather(
        ask(client, reasoning_effort=effort, max_tokens=room, response_format=SCHEMA),
        ask(client, reasoning_effort=effort, max_tokens=room, tools=[PAINT], tool_choice="required",
            parallel_tool_calls=False),
    )  # fmt: skip
    for one in (person, paint):
        assert bool(one.thought) == (effort == "minimal")
    assert person.content is not None
    if person.finish == "stop":
        jsonschema_rs.validate(PERSON, json.loads(person.content))
    assert person.content.startswith('{"name": "')
    assert (paint.finish, paint.content) == ("tool_calls", None)
    ((name, arguments),) = paint.calls
    assert name == "paint"
    jsonschema_rs.validate(COLOUR, json.loads(arguments))


async def test_what_has_to_be_checked_is_right_behind_a_thought(client: AsyncOpenAI) -> None:
    """A grammar lets even numbers through here: such an answer is written again, behind the thought."""
    number = {"type": "integer", "minimum": 10, "maximum": 99999, "not": {"multipleOf": 2}}
    odd = {"type": "object", "properties": {"n": number}, "required": ["n"], "additionalProperties": False}
    tool = {"type": "function", "function": {"name": "odd", "parameters": odd}}
    response_format = {"type": "json_schema", "json_schema": {"name": "odd", "schema": odd}}
    options: dict[str, object] = {"reasoning_effort": "minimal", "max_tokens": MINIMAL + 60, "seed": 0}
    text, call = await asyncio.gather(
        ask(client, response_format=response_format, **options),
        ask(client, tools=[tool], tool_choice="required", parallel_tool_calls=False, **options),
    )
    assert (text.finish, call.finish) == ("stop", "tool_calls")
    assert text.content is not None
    for one, written in ((text, text.content), (call, call.calls[0][1])):
        assert json.loads(written)["n"] % 2
        assert one.thought
        assert one.reasoning_tokens is not None
        assert one.reasoning_tokens <= MINIMAL < one.completion_tokens


async def test_a_thought_that_is_cut_leaves_no_answer(client: AsyncOpenAI) -> None:
    one = await ask(client, max_tokens=12)
    assert (one.content, one.finish, one.reasoning_tokens) == ("", "length", 12)
    assert one.thought


async def test_a_thought_that_comes_back_is_taken(client: AsyncOpenAI) -> None:
    answer = {"role": "assistant", "content": "Green.", "reasoning_content": "Grass is a plant."}
    messages = [*user("What colour is grass?"), answer, *user("And snow?")]
    one = await ask(client, messages=messages, reasoning_effort="none", max_tokens=8)
    assert one.content
