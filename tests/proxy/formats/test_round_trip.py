"""What ``write_calls`` writes, a parser reads back, whatever text stands before it and wherever it is cut."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.calls import Call, write_calls
from proxy.events import Content, Done, Event, Reasoning, ToolArguments, ToolStart
from proxy.formats.parser import FORMATS, find_format
from proxy.formats.reasoning import REASONING
from proxy.tools import Tool
from tests.proxy.formats.samples import SAMPLES, TOOLS, Sample, name_of, read

PIECES = [
    *("a", "é", "न", "👍", " ", "\n", '"', "\\", "{", "}", "[", "]", "<", ">", "|", ",", ":", "`"),
    *("<tool_call>", "</tool_call>", "[TOOL_CALLS]", "[ARGS]", "<|call|>", "<|end|>", "<|message|>", "</think>"),
    *("</parameter>", "</function>", "<parameter=", "<｜tool▁call▁end｜>", "</arg_value>", "```"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-10, 10) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
names = st.text("abcXYZ019_-", min_size=1, max_size=12)
keys = st.text("abé न_", min_size=1, max_size=5)


@st.composite
def tools_and_calls(draw: st.DrawFn) -> tuple[tuple[Tool, ...], tuple[Call, ...]]:
    """Functions with parameters that are strings and others, and calls of them."""
    tools, calls = [], []
    for name in draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        strings = draw(st.lists(keys, max_size=2, unique=True))
        tools.append(Tool(name, None, {"properties": {key: {"type": "string"} for key in strings}}))
    for _ in range(draw(st.integers(1, 3))):
        tool = draw(st.sampled_from(tools))
        made: dict[str, object] = {key: draw(texts) for key in sorted(tool.texts)}
        made |= {
            key: value for key, value in draw(st.dictionaries(keys, values, max_size=2)).items() if key not in made
        }
        calls.append(Call(tool.name, json.dumps(made, ensure_ascii=False)))
    return tuple(tools), tuple(calls)


def chopped(text: str, sizes: Sequence[int]) -> Iterator[str]:
    start = 0
    for size in sizes:
        yield text[start : start + size]
        start += size
    yield text[start:]


def made(events: Sequence[Event]) -> list[tuple[str, object]]:
    """The calls of an answer, their arguments read as JSON."""
    starts = [event for event in events if isinstance(event, ToolStart)]
    arguments = [event for event in events if isinstance(event, ToolArguments)]
    assert [event.index for event in starts] == [event.index for event in arguments] == list(range(len(starts)))
    return [(start.name, json.loads(one.text)) for start, one in zip(starts, arguments, strict=True)]


def may_be_written(sample: Sample, calls: Sequence[Call]) -> bool:
    """Whether the family's way of writing strings bare has room for these."""
    syntax = FORMATS[sample.format].calls
    assert syntax is not None
    if syntax.parameters is None:
        return True
    bare = [value for call in calls for value in json.loads(call.arguments).values() if isinstance(value, str)]
    return not any(syntax.parameters.after_value.strip() in value for value in bare)


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
@given(drawn=tools_and_calls(), text=texts, sizes=st.lists(st.integers(1, 9), max_size=30))
@settings(deadline=None, max_examples=60)
def test_random_calls_behind_random_texts(
    sample: Sample, drawn: tuple[tuple[Tool, ...], tuple[Call, ...]], text: str, sizes: list[int]
) -> None:
    tools, calls = drawn
    family = FORMATS[sample.format]
    assert family.calls is not None
    if not family.calls.parallel:
        calls = calls[:1]
    free = text.replace(family.calls.trigger, "")
    if not family.calls.anywhere or family.channels or family.calls.trigger in free:
        free = ""
    if sample.think and free.lstrip().startswith(sample.think[:2]):
        free = ""
    if not may_be_written(sample, calls):
        return
    written = free + sample.gap * bool(free) + write_calls(calls, family.calls, tools)
    events = read(sample, chopped(written, sizes), tools=tools)
    shown = "".join(event.text for event in events if isinstance(event, Content))
    assert shown == free.rstrip()
    assert made(events) == [(call.name, json.loads(call.arguments)) for call in calls]
    assert events[-1] == Done("tool_calls")
    assert events == read(sample, [written], tools=tools)


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
@given(
    parts=st.lists(texts | st.sampled_from(["ONE", "TWO", "NESTED", "UNKNOWN", "THINK"]), max_size=4),
    skipped=st.integers(0, 60),
    kept=st.integers(0, 200),
    sizes=st.lists(st.integers(1, 9), max_size=40),
    thinking=st.booleans(),
    tools=st.sampled_from([(), TOOLS]),
)
@settings(deadline=None, max_examples=100)
def test_any_text_means_the_same_however_it_is_cut(
    sample: Sample,
    parts: list[str],
    skipped: int,
    kept: int,
    sizes: list[int],
    thinking: bool,
    tools: tuple[Tool, ...],
) -> None:
    """Calls and thoughts among it, whole, or without their beginning or end."""
    known = {"ONE": sample.one, "TWO": sample.two or "", "NESTED": sample.nested, "UNKNOWN": sample.unknown}
    text = "".join({**known, "THINK": sample.think}.get(part, part) for part in parts)
    for written in (text, text[skipped:], text[: max(0, len(text) - kept)]):
        for finish in ("stop", "length"):
            whole = read(sample, [written], thinking=thinking, tools=tools, finish=finish)
            cut = read(sample, chopped(written, sizes), thinking=thinking, tools=tools, finish=finish)
            assert cut == whole
            assert isinstance(whole[-1], Done)
            if whole[-1].finish == "tool_calls":
                assert [name for name, _ in made(whole)] != []


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
@given(thought=texts, sizes=st.lists(st.integers(1, 9), max_size=30))
@settings(deadline=None, max_examples=60)
def test_random_thoughts(sample: Sample, thought: str, sizes: list[int]) -> None:
    syntax = find_format(sample.format, sample.reasoning).syntax.thought
    closings = [one.syntax.closing for one in REASONING.values() if one.syntax]
    if syntax is None or any(closing in thought + "<" for closing in (*closings, "<|")):
        return
    text = syntax.opening + syntax.before + thought + syntax.before + syntax.closing + syntax.after
    events = read(sample, chopped(text + sample.before_text + "Three.", sizes))
    shown = thought.strip("\n")
    assert events == [*([Reasoning(shown)] if shown else []), Content("Three."), Done("stop")]
