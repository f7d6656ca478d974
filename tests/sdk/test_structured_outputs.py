"""``response_format`` through the official clients, on the real model: what ends with "stop" conforms."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Literal

import jsonschema_rs
import openai
import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel, Field

from tests.sdk.chat import content_of, text_of, user, whole
from tests.sdk.schemas import HINDI, PERSON, TASKS, Task

SEEDS = 10
AT_ONCE = 8


def form(schema: object) -> dict[str, object]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


async def answer(
    client: AsyncOpenAI, model: str, task: Task, seed: int, *, stream: bool
) -> tuple[str, str | None]:
    """The text and how it ended."""
    options = {
        "model": model,
        "messages": user(task.question),
        "response_format": form(task.schema),
        "seed": seed,
        "max_tokens": 250,
    }
    if not stream:
        create: Callable[..., Awaitable[ChatCompletion]] = client.chat.completions.create
        found = await create(**options)
        return text_of(found), found.choices[0].finish_reason
    begin: Callable[..., Awaitable[AsyncStream[ChatCompletionChunk]]] = client.chat.completions.create
    text, reason = "", None
    async for chunk in await begin(**options, stream=True):
        text += content_of(chunk)
        reason = chunk.choices[0].finish_reason or reason
    return text, reason


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
async def test_whatever_ends_with_stop_conforms_and_most_answers_do(
    task: Task, async_client: AsyncOpenAI, model: str
) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def ask(seed: int, stream: bool) -> tuple[str, str | None]:
        async with turns:
            return await answer(async_client, model, task, seed, stream=stream)

    found = await asyncio.gather(*(ask(seed, stream) for stream in (False, True) for seed in range(SEEDS)))
    assert found[:SEEDS] == found[SEEDS:]
    complete = [text for text, reason in found[:SEEDS] if reason == "stop"]
    for text in complete:
        jsonschema_rs.validate(task.schema, json.loads(text))
    assert {reason for _, reason in found} <= {"stop", "length"}
    assert len(complete) >= 0.8 * SEEDS


class Person(BaseModel):
    name: str = Field(max_length=20)
    age: int = Field(ge=0, le=120)
    city: Literal["Jaipur", "Delhi"]


class Family(BaseModel):
    people: list[Person] = Field(max_length=2)
    pet: str | None = Field(max_length=10)


@pytest.mark.parametrize("kind", [Person, Family])
def test_a_pydantic_model_is_an_answer(kind: type[BaseModel], client: OpenAI, model: str) -> None:
    answer = client.chat.completions.parse(
        model=model, messages=user(HINDI), response_format=kind, seed=1, max_tokens=250
    )
    assert answer.choices[0].finish_reason == "stop"
    assert isinstance(answer.choices[0].message.parsed, kind)


def test_a_pydantic_model_streams(client: OpenAI, model: str) -> None:
    with client.chat.completions.stream(
        model=model, messages=user(HINDI), response_format=Person, seed=1, max_tokens=250
    ) as stream:
        pieces = sum(event.type == "content.delta" for event in stream)
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Person)
    assert pieces > 4


def test_a_json_object_is_one(client: OpenAI) -> None:
    options: dict[str, object] = {
        "response_format": {"type": "json_object"},
        "messages": user("Describe Jaipur in JSON."),
        "max_tokens": 120,
    }
    reasons = []
    for seed in range(4):
        answer = whole(client, seed=seed, **options)
        reasons.append(answer.choices[0].finish_reason)
        assert text_of(answer).startswith("{")
        assert reasons[-1] == "length" or isinstance(json.loads(text_of(answer)), dict)
    assert set(reasons) <= {"stop", "length"}


def test_characters_beyond_ascii_are_not_escaped(client: OpenAI) -> None:
    schema = {"const": {"शहर": "जयपुर 👍"}}
    assert text_of(whole(client, response_format=form(schema))) == '{"शहर": "जयपुर 👍"}'


@pytest.mark.parametrize("schema", [PERSON, {"type": "array", "items": {"enum": [1, 2, 3]}, "uniqueItems": True}])
def test_log_probs_are_the_answer_token_by_token(schema: object, client: OpenAI) -> None:
    options: dict[str, object] = {"response_format": form(schema), "messages": user(HINDI), "seed": 4}
    options |= {"logprobs": True, "max_tokens": 60}
    plain = whole(client, **options)
    top = whole(client, **options, top_logprobs=2)
    for answer in (plain, top):
        logprobs = answer.choices[0].logprobs
        assert logprobs is not None
        assert b"".join(bytes(entry.bytes or ()) for entry in logprobs.content or ()).decode() == text_of(answer)
    assert text_of(plain) == text_of(top)


def test_samples_are_judged_one_by_one(client: OpenAI) -> None:
    schema = {"type": "array", "items": {"enum": [1, 2, 3, 4, 5, 6, 7]}, "uniqueItems": True, "minItems": 3}
    answer = whole(client, response_format=form(schema), n=3, seed=2, max_tokens=60)
    for index, choice in enumerate(answer.choices):
        if choice.finish_reason == "stop":
            jsonschema_rs.validate(schema, json.loads(text_of(answer, index)))


def test_a_stop_string_cuts_it(client: OpenAI) -> None:
    answer = whole(client, response_format=form(PERSON), stop='"age"', max_tokens=120, temperature=0)
    assert (text_of(answer)[:9], answer.choices[0].finish_reason) == ('{"name": ', "length")
    assert '"age"' not in text_of(answer)


def nested(depth: int) -> object:
    schema: object = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "place"),
    [
        ({"properties": {"age": {"type": "whole"}}}, "#/properties/age/type"),
        ({"items": {"$ref": "#/$defs/none"}}, "#/items/$ref"),
        ({"items": {"$ref": "https://example.com/schema.json"}}, "#/items/$ref"),
        (nested(200), "#"),
        ({"properties": {f"key{i}": {"description": "x" * 5000} for i in range(1000)}}, "#"),
        ({"properties": {"age": {"minimum": 2, "maximum": 1}}}, "#/properties/age/minimum"),
        ({"items": {"enum": []}}, "#/items/enum"),
        ({"pattern": "(a"}, "#/pattern"),
        ({"pattern": "(?<=a)b"}, "#/pattern"),
        ({"properties": {}, "required": ["id"], "additionalProperties": False}, "#/required"),
    ],
)
def test_a_bad_schema_is_told_with_its_place(schema: object, place: str, client: OpenAI) -> None:
    for stream in (False, True):
        options: dict[str, object] = {"response_format": form(schema), "messages": user("x"), "stream": stream}
        with pytest.raises(openai.BadRequestError) as caught:
            whole(client, **options)
        assert caught.value.code == "invalid_json_schema"
        assert caught.value.param == "response_format.json_schema.schema"
        assert f" {place}: " in str(caught.value)


async def test_schemas_and_bad_ones_disturb_no_plain_answer(async_client: AsyncOpenAI, model: str) -> None:
    async def plain(seed: int) -> str:
        found = await async_client.chat.completions.create(
            model=model, messages=user("Write about the sea."), seed=seed, max_tokens=40
        )
        return text_of(found)

    async def refused(number: int) -> None:
        bad = Task("bad", "x", {"type": "string", "pattern": f"(?<=a){number}"})
        with pytest.raises(openai.BadRequestError) as caught:
            await answer(async_client, model, bad, number, stream=number % 2 == 0)
        assert caught.value.code == "invalid_json_schema"

    alone = [await plain(seed) for seed in range(8)]
    bound = [answer(async_client, model, task, 0, stream=True) for task in TASKS[:AT_ONCE]]
    together, *_ = await asyncio.gather(
        asyncio.gather(*(plain(seed) for seed in range(8))),
        asyncio.gather(*bound),
        asyncio.gather(*(refused(number) for number in range(8))),
    )
    assert together == alone
