"""Every family, every kind of answer, fed whole, character by character, and cut in two at every place: the same
events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from proxy.events import Content, Event, Reasoning, ToolArguments, ToolStart
from proxy.generation import FinishReason
from proxy.tools import Tool
from tests.proxy.formats.samples import (
    CALLED,
    CUT,
    SAMPLES,
    STOPPED,
    THINKING,
    TOOLS,
    TRICKY_VALUE,
    F,
    G,
    Sample,
    calls,
    name_of,
    read,
)

every = pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
parallel = pytest.mark.parametrize("sample", [one for one in SAMPLES if one.two is not None], ids=name_of)
# Llama writes text or calls, never both.
mixing = pytest.mark.parametrize("sample", [one for one in SAMPLES if one.format != "llama3"], ids=name_of)
# Headers are no text, and end harmony's thoughts.
marking = pytest.mark.parametrize("sample", [one for one in THINKING if one.format != "harmony"], ids=name_of)
thinkers = pytest.mark.parametrize("sample", THINKING, ids=name_of)


def ways(text: str) -> Iterator[list[str]]:
    yield [text]
    yield list(text)
    for cut in range(1, len(text)):
        yield [text[:cut], text[cut:]]


def check(
    sample: Sample,
    text: str,
    expected: Sequence[Event],
    *,
    tools: Sequence[Tool] = TOOLS,
    thinking: bool = False,
    finish: FinishReason = "stop",
) -> None:
    for pieces in ways(text):
        events = read(sample, pieces, tools=tools, thinking=thinking, finish=finish)
        assert events == list(expected), pieces


@every
def test_one_call(sample: Sample) -> None:
    check(sample, sample.one, [*calls(F), CALLED])


@parallel
def test_two_calls(sample: Sample) -> None:
    assert sample.two is not None
    check(sample, sample.two, [*calls(F, G), CALLED])


@mixing
def test_a_text_then_a_call(sample: Sample) -> None:
    for blank in ("", " ", " \n\n"):
        text = f"{sample.before_text}I look it up.{blank}{sample.gap}{sample.one}"
        check(sample, text, [Content("I look it up."), *calls(F), CALLED])


@mixing
def test_white_space_alone_before_a_call_is_not_shown(sample: Sample) -> None:
    for blank in ("\n", " \n\t\n "):
        check(sample, f"{sample.before_text}{blank}{sample.gap}{sample.one}", [*calls(F), CALLED])


@every
def test_nested_and_tricky_arguments(sample: Sample) -> None:
    assert json.loads(sample.nested_arguments)["city"] == TRICKY_VALUE
    check(sample, sample.nested, [*calls(("get-weather_2", sample.nested_arguments)), CALLED])


@every
def test_text_alone(sample: Sample) -> None:
    for text in ("Hello.", " \n Hello,\n\nyou. \n", "a < b and [c] {d}"):
        check(sample, sample.before_text + text, [Content(text), STOPPED])


@every
@pytest.mark.parametrize("after", ["", " no call", "x<", "\n\n"])
def test_a_false_beginning_of_a_call_is_text(sample: Sample, after: str) -> None:
    for before in ("", "So: "):
        text = before + sample.begun + after
        check(sample, sample.before_text + text, [Content(text), STOPPED])


@every
def test_a_call_that_is_cut_is_no_whole_call(sample: Sample) -> None:
    """By a limit or by the model itself; at whatever place."""
    for end in range(1, len(sample.one)):
        whole = read(sample, [sample.one[:end]], finish="length")
        assert whole == read(sample, list(sample.one[:end]), finish="length")
        assert whole[-1] == CUT
        arguments = "".join(event.text for event in whole if isinstance(event, ToolArguments))
        assert F[1].startswith(arguments)
        ended = read(sample, list(sample.one[:end]))
        if ended[-1] == CALLED:
            assert ended[:-1] == calls(F), "only closing marks may be missing"
        elif arguments:
            assert ended[-1] == CUT


@every
def test_where_calls_are_required_the_beginning_of_one_is_no_text(sample: Sample) -> None:
    for end in range(1, len(sample.one)):
        events = read(sample, list(sample.one[:end]), must_call=True, finish="length")
        assert not [event for event in events if isinstance(event, Content)]
        assert events[-1] == CUT
    check(sample, sample.one, [*calls(F), CALLED])


@every
def test_a_limit_right_behind_a_call_is_a_limit(sample: Sample) -> None:
    check(sample, sample.one, [*calls(F), CUT], finish="length")


@every
def test_without_tools_nothing_is_a_call(sample: Sample) -> None:
    events = read(sample, list(sample.one), tools=())
    assert not [event for event in events if isinstance(event, ToolStart | ToolArguments)]
    assert events[-1] == STOPPED
    if sample.format != "harmony":
        check(sample, sample.one, [Content(sample.one), STOPPED], tools=())


@every
def test_a_call_to_no_tool_is_text(sample: Sample) -> None:
    shown = "{}" if sample.format == "harmony" else sample.unknown
    check(sample, sample.unknown, [Content(shown), STOPPED])
    if sample.format != "llama3":
        text = f"{sample.before_text}Hm.{sample.gap}{sample.unknown}"
        seen = "Hm.{}" if sample.format == "harmony" else f"Hm.{sample.gap}{sample.unknown}"
        check(sample, text, [Content(seen), STOPPED])


@every
def test_a_name_that_begins_like_a_tool_is_none(sample: Sample) -> None:
    tools = (Tool("h", None, {}), Tool("hello", None, {}))
    assert read(sample, list(sample.unknown), tools=tools[:1])[0] == ToolStart(0, "h")
    shown = "{}" if sample.format == "harmony" else sample.unknown
    check(sample, sample.unknown, [Content(shown), STOPPED], tools=tools[1:])


@thinkers
def test_a_thought_then_a_call(sample: Sample) -> None:
    thought = sample.think.replace("THOUGHT", "A sum.\n\nSo f.")
    check(sample, thought + sample.one, [Reasoning("A sum.\n\nSo f."), *calls(F), CALLED])
    spaced = thought + sample.before_text + "Look:" + sample.gap + sample.one
    check(sample, spaced, [Reasoning("A sum.\n\nSo f."), Content("Look:"), *calls(F), CALLED])


@thinkers
def test_a_thought_then_json(sample: Sample) -> None:
    text = sample.think.replace("THOUGHT", "Hm <think {") + sample.before_text + '{"a": [1, "</think>"]}'
    check(sample, text, [Reasoning("Hm <think {"), Content('{"a": [1, "</think>"]}'), STOPPED], tools=())
    check(sample, text, [Reasoning("Hm <think {"), Content('{"a": [1, "</think>"]}'), STOPPED])


@marking
def test_a_call_in_a_thought_is_none(sample: Sample) -> None:
    text = sample.think.replace("THOUGHT", f"If {sample.one} then") + "No."
    check(sample, text, [Reasoning(f"If {sample.one} then"), Content("No."), STOPPED])


@thinkers
def test_a_thought_that_the_prompt_opened(sample: Sample) -> None:
    inside = sample.think[sample.think.index("THOUGHT") :].replace("THOUGHT", "A sum.")
    check(sample, inside + sample.one, [Reasoning("A sum."), *calls(F), CALLED], thinking=True)
    check(
        sample,
        "\n\n" + inside + sample.before_text + "3",
        [Reasoning("A sum."), Content("3"), STOPPED],
        thinking=True,
    )


@thinkers
def test_a_thought_that_does_not_end(sample: Sample) -> None:
    for finish in ("stop", "length"):
        check(sample, "A sum", [Reasoning("A sum"), CUT], thinking=True, finish=finish)
        check(sample, "A sum\n\n", [Reasoning("A sum"), CUT], thinking=True, finish=finish)
        held = "A <" if sample.format != "mistral-v11" else "A ["
        check(sample, held, [Reasoning(held), CUT], thinking=True, finish=finish)


@thinkers
def test_an_empty_thought_is_none(sample: Sample) -> None:
    for empty in ("", "\n", "\n\n"):
        text = sample.think.replace("THOUGHT", empty) + sample.before_text + "Three."
        check(sample, text, [Content("Three."), STOPPED])


@thinkers
def test_white_space_before_a_thought_is_dropped(sample: Sample) -> None:
    text = "\n" + sample.think.replace("THOUGHT", "A sum.") + sample.before_text + "Three."
    check(sample, text, [Reasoning("A sum."), Content("Three."), STOPPED])
