"""What grammars of whole answers take and refuse, by what the models of each family write."""

from __future__ import annotations

from functools import lru_cache

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.formats.parser import find_format
from proxy.grammar.answer_bounds import AnswerBounds
from proxy.grammar.jobs import Compiled, compiled
from proxy.syntax import PLAIN, Syntax, Thinking
from proxy.tools import MOST_CALLS
from tests.proxy.formats.samples import SAMPLES, THINKING, TOOLS, Sample, name_of
from tests.proxy.grammar.answers import bounds_of

# The instance of _SCHEMA begins like no call.
_SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
_INSTANCE = '{"ok": true}'
families = pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
thinkers = pytest.mark.parametrize("sample", THINKING, ids=name_of)


@lru_cache(maxsize=256)
def grammar(
    sample: Sample, least: int = 0, most: int = MOST_CALLS, *, tools: bool = True, json: bool = False
) -> Compiled:
    syntax = syntax_of(sample)
    given = TOOLS if tools else ()
    return compiled(bounds_of(syntax, given, least=least, most=most, schema=_SCHEMA if json else None), seconds=2)


def syntax_of(sample: Sample) -> Syntax:
    return find_format(sample.format, sample.reasoning).syntax


def takes(found: Compiled, text: str, thinking: Thinking = "never") -> bool:
    """Whether both ways to read the grammar take the text, or neither does."""
    ebnf = found.ebnf(thinking)
    exact = Reader(ebnf, exactly=True).accepts(text)
    assert Reader(ebnf).accepts(text) == exact, text
    return exact


def in_text(sample: Sample, text: str) -> str:
    return sample.before_text + text


def calls_follow_text(sample: Sample) -> bool:
    syntax = syntax_of(sample)
    assert syntax.calls is not None
    return syntax.calls.anywhere and not syntax.before_text


@families
def test_where_calls_are_required_there_is_nothing_else(sample: Sample) -> None:
    found = grammar(sample, 1)
    assert takes(found, sample.one)
    assert takes(found, sample.nested)
    assert not takes(found, "")
    assert not takes(found, in_text(sample, "Hm."))
    assert not takes(found, "Hm." + sample.gap + sample.one)
    assert not takes(found, sample.one + "Hm.")
    assert not takes(found, sample.unknown)
    assert not takes(found, sample.one.replace("1", '"1"') if "parameter=" not in sample.one else sample.unknown)


@families
def test_a_call_that_is_cut_is_none(sample: Sample) -> None:
    for found in (grammar(sample, 1), grammar(sample, 0)):
        reader = Reader(found.ebnf("never"))
        begun = len(syntax_of(sample).calls.trigger)  # type: ignore[union-attr]
        for end in range(begun, len(sample.one)):
            assert not reader.accepts(sample.one[:end]), sample.one[:end]


@families
def test_there_are_as_many_calls_as_are_allowed(sample: Sample) -> None:
    calls = syntax_of(sample).calls
    assert calls is not None
    if sample.two is None:
        assert not calls.parallel
        return
    for least in (0, 1):
        assert takes(grammar(sample, least), sample.two)
        assert not takes(grammar(sample, least, 1), sample.two)
    one = sample.one.removeprefix(calls.trigger + calls.first).removesuffix(calls.last)
    for count in (MOST_CALLS, MOST_CALLS + 1):
        text = calls.trigger + calls.first + calls.between.join([one] * count) + calls.last
        assert takes(grammar(sample, 1), text) == (count == MOST_CALLS)


@families
def test_without_need_of_a_call_there_is_text(sample: Sample) -> None:
    found = grammar(sample)
    for text in ("Hm.", "न👍 \n\n <b>x</b> {}[]", sample.begun, f"{sample.begun} {sample.begun}", "a < b"):
        assert takes(found, in_text(sample, text)), text
    assert takes(found, in_text(sample, ""))
    assert takes(found, sample.one)


@families
def test_a_call_may_follow_text_and_nothing_may_follow_a_call(sample: Sample) -> None:
    found = grammar(sample)
    for text in ("Hm.", sample.begun, f"Hm. {sample.begun}"):
        # Where calls only stand first, the same is text.
        taken = not syntax_of(sample).before_text
        assert takes(found, in_text(sample, text) + sample.gap + sample.one) == taken, text
    assert not takes(found, sample.one + "Hm.")


@families
def test_what_begins_a_call_is_a_call_of_a_given_tool(sample: Sample) -> None:
    found = grammar(sample)
    assert not takes(found, sample.unknown)
    if calls_follow_text(sample):
        assert not takes(found, "Hm." + sample.gap + sample.unknown)
        assert not takes(found, "Hm." + sample.gap + sample.one[:-1])


@families
def test_markers_are_no_text(sample: Sample) -> None:
    for marker in syntax_of(sample).markers:
        assert not takes(grammar(sample), in_text(sample, f"Hm. {marker} Hm."))


@families
def test_beside_tools_a_schema_leaves_its_json_or_calls(sample: Sample) -> None:
    found = grammar(sample, json=True)
    assert takes(found, in_text(sample, _INSTANCE))
    assert not takes(found, in_text(sample, "Hm."))
    assert not takes(found, in_text(sample, _INSTANCE) + sample.gap + sample.one)
    # A reader that takes the longest literal and never goes back cannot tell a call that is JSON from the JSON.
    assert Reader(found.ebnf("never"), exactly=True).accepts(sample.one)
    assert not takes(grammar(sample, 1, json=True), in_text(sample, _INSTANCE))


@thinkers
def test_a_thought_ends_and_the_answer_follows(sample: Sample) -> None:
    opening, closing = sample.think.split("THOUGHT")
    found = {"calls": grammar(sample, 1), "text": grammar(sample), "json": grammar(sample, tools=False, json=True)}
    answers = {"calls": sample.one, "text": in_text(sample, "Hm."), "json": in_text(sample, _INSTANCE)}
    for what, answer in answers.items():
        for thought in ("", "Is it?", '{"a": [1]}\n\nन 👍 </thin', "<"):
            text = thought + closing + answer
            assert takes(found[what], text, "inside"), text
            assert takes(found[what], opening + text, "may"), text
        assert takes(found[what], answer, "may")
        assert takes(found[what], answer, "never")
        assert not takes(found[what], "Is it?", "inside")
        assert not takes(found[what], "Is it?" + closing, "inside") or what == "text"
        assert not takes(found[what], opening + "Is it?" + closing + answer, "never")
        assert not takes(found[what], "Is it?" + closing + closing + answer, "inside")


@thinkers
def test_no_call_is_made_within_a_thought(sample: Sample) -> None:
    _, closing = sample.think.split("THOUGHT")
    for marker in syntax_of(sample).markers:
        if not closing.strip().startswith(marker):
            assert not takes(grammar(sample), f"Hm. {marker} Hm.{closing}Hm.", "inside"), marker


def test_a_family_without_calls_and_thoughts_writes_json() -> None:
    found = compiled(AnswerBounds(PLAIN, b'{"type": "integer", "minimum": 1, "maximum": 2}'), seconds=2)
    for thinking in ("never", "may", "inside"):
        assert takes(found, "2", thinking)
        assert not takes(found, "3", thinking)


def test_an_answer_that_begins_like_no_call_is_text_whatever_follows() -> None:
    sample = next(sample for sample in SAMPLES if sample.format == "llama3")
    assert takes(grammar(sample), "As JSON: " + sample.one)
    assert takes(grammar(sample), '{"names": 1}')
    assert not takes(grammar(sample), '{"name": "x"}')
