"""The answers of every family through the whole proxy, on an engine that plays them a byte at a time: what the
client gets, streamed and whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy.generation import FinishReason
from tests.proxy import chat
from tests.proxy.byte_model import write_build
from tests.proxy.formats.samples import SAMPLES, TOOLS, F, G, Sample, name_of
from tests.proxy.routes.test_streamed import accumulated
from tests.proxy.scripts import says
from tests.proxy.served import Serve

GIVEN = [
    {"type": "function", "function": {"name": tool.name, "parameters": dict(tool.parameters)}} for tool in TOOLS
]
JSON = '{"a": [1, "</think> <tool_call>"]}'


class Case(NamedTuple):
    """What a model writes, and what the client gets of it."""

    text: str
    content: str | None
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "tool_calls"
    thought: str | None = None
    ends: FinishReason = "stop"


def cases(sample: Sample) -> Iterator[Case]:
    yield Case(sample.one, None, (F,))
    if sample.two is not None:
        yield Case(sample.two, None, (F, G))
    if sample.format != "llama3":
        yield Case(f"{sample.before_text}So: {sample.gap}{sample.one}", "So:", (F,))
    yield Case(sample.nested, None, (("get-weather_2", sample.nested_arguments),))
    yield Case(f"{sample.before_text}So {sample.begun}", f"So {sample.begun}", finish="stop")
    cut = sample.one[: sample.one.index("1")]
    begun = '{"a": ' if "\n<parameter" in cut or "<arg_" in cut or cut.endswith('"a": ') else ""
    yield Case(cut, None, (("f", begun),), "length", ends="length")
    if sample.think:
        thought = sample.think.replace("THOUGHT", "A sum.")
        yield Case(thought + sample.one, None, (F,), thought="A sum.")
        yield Case(f"{thought}{sample.before_text}{JSON}", JSON, finish="stop", thought="A sum.")


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
async def test_every_kind_of_answer_streamed_and_whole(sample: Sample, serve: Serve, tmp_path: Path) -> None:
    build = write_build(tmp_path / "build", context=4000, format=sample.format, reasoning=sample.reasoning)
    for ends in ("stop", "length"):
        told = [case for case in cases(sample) if case.ends == ends]
        client, _ = serve(says(*(case.text for case in told for _ in range(2)), finish=ends), build)
        for case in told:
            ask = chat.body(tools=GIVEN)
            response = await client.post(chat.URL, json=ask)
            assert response.status_code == 200, (case, response.text)
            (whole,) = response.json()["choices"]
            stream = await client.post(chat.URL, json={**ask, "stream": True})
            (streamed,) = accumulated(stream.text).model_dump()["choices"]
            for choice in (whole, streamed):
                message = choice["message"]
                calls = message.get("tool_calls") or []
                made = tuple((call["function"]["name"], call["function"]["arguments"]) for call in calls)
                assert (message["content"], made, choice["finish_reason"]) == case[1:4], case
                assert message.get("reasoning_content") == case.thought


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
async def test_a_stop_string_is_for_the_answer_alone(sample: Sample, serve: Serve, tmp_path: Path) -> None:
    build = write_build(tmp_path / "build", context=4000, format=sample.format, reasoning=sample.reasoning)
    thought = sample.think.replace("THOUGHT", "no, stop that")
    client, _ = serve(says(f"{thought}{sample.before_text}Well, stop that"), build)
    (choice,) = (await client.post(chat.URL, json=chat.body(stop=" stop", logprobs=True))).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Well,", "stop")
    assert choice["message"].get("reasoning_content") == ("no, stop that" if thought else None)
    assert bytes(byte for one in choice["logprobs"]["content"] for byte in one["bytes"]) == b"Well,"


def test_the_samples_are_json() -> None:
    for sample in SAMPLES:
        json.loads(sample.nested_arguments)
