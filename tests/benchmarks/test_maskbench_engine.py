"""The judge of `make maskbench-engine`: what it says of an answer, and the table."""

from __future__ import annotations

import pytest

from benchmarks.maskbench.engine import Row, summary, wrong
from benchmarks.maskbench.steps import Answer
from proxy.grammar import compile_schema

PERSON = compile_schema(
    {"type": "object", "properties": {"age": {"type": "integer", "minimum": 0}}, "required": ["age"]}
)


@pytest.mark.parametrize(
    ("text", "whole", "said"),
    [
        ('{"age": 4', False, ""),
        ('{"age": 4}', True, ""),
        ('{"age": 4', True, "disagree after"),
        ('{"age": -4', False, "disagree after '{\"age\": ': '-4'"),
    ],
)
def test_an_answer_must_be_one_that_the_grammar_allows(text: str, whole: bool, said: str) -> None:
    found = wrong(PERSON, Answer(0.1, (0.02,), text, whole))
    assert said in found
    assert bool(said) == bool(found)


def test_the_same_answer_given_again_shows_what_was_slow_by_chance() -> None:
    once, again = Answer(0.1, (0.01, 0.09), "[1]"), Answer(0.1, (0.05, 0.02), "[1]")
    assert once.or_faster(again).gaps == (0.01, 0.02)
    assert once.or_faster(Answer(0.1, (0.0, 0.0), "[2]")) is once


def test_the_table_shows_the_slowest_token_and_what_went_wrong() -> None:
    rows = [
        Row("quick", Answer(0.1, (0.02, 0.02), "{", False)),
        Row("slow", Answer(0.4, (0.02, 0.08), "{", False)),
        Row("bad", Answer(failure="EngineFailed: no"), "EngineFailed: no"),
    ]
    text = summary(rows, [Answer(0.1, (0.02, 0.02), "x")])
    assert "| schemas, answered | 3, 2 | all |" in text
    assert "| schemas with a token over 10 ms slower | 1 | 0 |" in text
    assert "60 ms slow" in text
    assert "bad: EngineFailed: no" in text
