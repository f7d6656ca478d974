"""Function calls through the official clients, on the real model: what ends with calls names given tools, and the
arguments validate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

import jsonschema_rs
import openai
import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessageParam
from openai.types.chat.chat_completion_message_function_tool_call import ChatCompletionMessageFunctionToolCall
from pydantic import BaseModel, Field

from tests.sdk.chat import user, whole
from tests.sdk.tool_sets import ToolSet, tool_sets

AT_ONCE = 8
ROOM = 70  # tokens
SHORT_ROOM = 48


class Weather(BaseModel):
    """Tells the weather of a city."""

    city: Literal["Jaipur", "Delhi", "Mumbai"]
    days: int = Field(ge=1, le=7)


WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": Weather.model_json_schema() | {"additionalProperties": False},
    },
}
TIME = {
    "type": "function",
    "function": {"name": "get_time", "description": "Tells the time.", "parameters": {"type": "object"}},
}
ONE_CALL: dict[str, object] = {
    "tools": [WEATHER],
    "tool_choice": "required",
    "parallel_tool_calls": False,
    "max_tokens": ROOM,
}
QUESTION = "What is the weather in Delhi for the next 3 days?"


class Answered(NamedTuple):
    """The name and arguments of each call."""

    calls: tuple[tuple[str, str], ...]
    content: str | None
    finish: str | None


async def answer(client: AsyncOpenAI, *, stream: bool, **options: object) -> Answered:
    if not stream:
        create: Callable[..., Awaitable[ChatCompletion]] = client.chat.completions.create
        return answered(await create(**options))
    begin: Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]] = client.chat.completions.create
    state = openai.lib.streaming.chat.ChatCompletionStreamState()
    async for chunk in await begin(**options, stream=True):
        state.handle_chunk(chunk)
    return answered(state.current_completion_snapshot)


def answered(found: ChatCompletion) -> Answered:
    (choice,) = found.choices
    calls = tuple(map(called, choice.message.tool_calls or ()))
    return Answered(calls, choice.message.content, choice.finish_reason)


def called(call: object) -> tuple[str, str]:
    assert isinstance(call, ChatCompletionMessageFunctionToolCall)
    assert call.id.startswith("call_forii_")
    return call.function.name, call.function.arguments


def check_calls(tools: ToolSet, found: Answered, *, most: int) -> int:
    """All whole calls are right; one that was cut is the last. Returns how many have whole arguments."""
    cut = found.finish == "length"
    assert found.finish in ("tool_calls", "length")
    assert found.content is None
    assert cut or 1 <= len(found.calls) <= most
    complete = 0
    for place, (name, arguments) in enumerate(found.calls):
        parameters = tools.parameters(name)
        if cut and place == len(found.calls) - 1 and not is_json(arguments):
            continue
        jsonschema_rs.validate(parameters, json.loads(arguments))
        complete += 1
    return complete


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


KINDS = ["required", "named", "one call", "parallel"]


@pytest.mark.parametrize("kind", KINDS)
async def test_every_call_names_a_given_tool_and_its_arguments_validate(
    kind: str, async_client: AsyncOpenAI, model: str
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(place: int, tools: ToolSet) -> int:
        named = tools.tools[-1]["function"]
        assert isinstance(named, dict)
        options: dict[str, object] = {
            "model": model,
            "messages": user("Call a function with short arguments."),
            "tools": tools.tools,
            "tool_choice": {"type": "function", "function": {"name": named["name"]}}
            if kind == "named"
            else "required",
            "parallel_tool_calls": kind != "one call",
            "max_tokens": 2 * ROOM if kind == "parallel" else SHORT_ROOM,
            "seed": place,
        }
        async with turns:
            found = await answer(async_client, stream=place % 2 == 0, **options)
        if kind == "named":
            assert {name for name, _ in found.calls} <= {named["name"]}
        return check_calls(tools, found, most=1 if kind in ("named", "one call") else 16)

    # Many calls take long, so only some are asked for them.
    sets = tool_sets()[:: 3 if kind == "parallel" else 1]
    found = await asyncio.gather(*(ask(place, tools) for place, tools in enumerate(sets)))
    assert sum(map(bool, found)) >= len(found) // 3
    assert kind != "parallel" or max(found) > 1


@pytest.mark.parametrize("choice", ["auto", "required", "none"])
async def test_streamed_or_not_it_is_the_same_answer(choice: str, async_client: AsyncOpenAI, model: str) -> None:
    options: dict[str, object] = {
        "model": model, "messages": user(QUESTION), "tools": [WEATHER, TIME], "tool_choice": choice, "seed": 3,
        "max_tokens": ROOM,
    }  # fmt: skip
    one = await answer(async_client, stream=False, **options)
    assert await answer(async_client, stream=True, **options) == one
    assert choice != "none" or one.calls == ()
    assert choice != "required" or one.calls


def test_the_whole_loop_of_an_agent(client: OpenAI, model: str) -> None:
    """A call, its result, an answer: what comes back is sent again as it is."""
    messages: list[ChatCompletionMessageParam] = user(QUESTION)
    first = whole(client, messages=messages, seed=1, **ONE_CALL)
    (choice,) = first.choices
    assert choice.finish_reason == "tool_calls"
    messages.append(choice.message)  # type: ignore[arg-type]
    for call in choice.message.tool_calls or ():
        Weather.model_validate_json(called(call)[1])
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny, 31 degrees."})
    second = whole(client, messages=messages, tools=[WEATHER], tool_choice="none", temperature=0, max_tokens=40)
    assert second.choices[0].message.content
    assert second.usage is not None
    assert first.usage is not None
    assert second.usage.prompt_tokens > first.usage.prompt_tokens + 20


def test_a_result_of_no_call_is_refused(client: OpenAI) -> None:
    messages = [*user(QUESTION), {"role": "tool", "tool_call_id": "call_0", "content": "Sunny"}]
    with pytest.raises(openai.BadRequestError) as caught:
        whole(client, messages=messages, tools=[WEATHER])
    assert caught.value.param == "messages[1].tool_call_id"


def test_a_pydantic_model_is_a_tool(client: OpenAI, model: str) -> None:
    tool = openai.pydantic_function_tool(Weather, name="get_weather")
    for parse in (client.chat.completions.parse, client.beta.chat.completions.parse):
        found = parse(
            model=model, messages=user(QUESTION), tools=[tool], tool_choice="required", seed=1,
            parallel_tool_calls=False, max_tokens=ROOM,
        )  # fmt: skip
        (call,) = found.choices[0].message.tool_calls or []
        assert isinstance(call.function.parsed_arguments, Weather)


def test_a_pydantic_tool_streams(client: OpenAI, model: str) -> None:
    tool = openai.pydantic_function_tool(Weather, name="get_weather")
    fragments, done = 0, []
    with client.chat.completions.stream(
        model=model, messages=user(QUESTION), tools=[tool], tool_choice="required", seed=1,
        parallel_tool_calls=False, max_tokens=ROOM,
    ) as stream:  # fmt: skip
        for event in stream:
            fragments += event.type == "tool_calls.function.arguments.delta"
            if event.type == "tool_calls.function.arguments.done":
                done.append(event)
        final = stream.get_final_completion()
    assert fragments > 3
    assert [event.name for event in done] == ["get_weather"]
    assert isinstance(done[0].parsed_arguments, Weather)
    assert final.choices[0].finish_reason == "tool_calls"


def test_deprecated_functions_still_work(client: OpenAI) -> None:
    found = whole(
        client, messages=user(QUESTION), functions=[WEATHER["function"]], function_call={"name": "get_weather"},
        seed=1, max_tokens=ROOM,
    )  # fmt: skip
    (choice,) = found.choices
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call is not None
    Weather.model_validate_json(choice.message.function_call.arguments)


def test_a_cut_call_is_never_passed_off_as_a_whole_one(client: OpenAI) -> None:
    ended = []
    for room in (1, 8, 14, ROOM):
        (choice,) = whole(client, messages=user(QUESTION), seed=1, **ONE_CALL | {"max_tokens": room}).choices
        ended.append(choice.finish_reason)
    assert ended == ["length", "length", "length", "tool_calls"]
