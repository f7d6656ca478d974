"""Schemas that are large without being wrong: said as exactly as can be in little time, or refused in time."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.grammar import InvalidSchema, clock, compile_schema
from proxy.grammar.clock import Clock
from proxy.grammar.json_value import JSON
from proxy.grammar.rules import MOST_RULES, Grammar

STRING: JSON = {"type": "string"}


def named(count: int, of: JSON = STRING) -> dict[str, JSON]:
    return {f"k{number}": of for number in range(count)}


def kinds(count: int) -> list[JSON]:
    return [
        {"properties": {"kind": {"const": f"k{number}"}, f"p{number}": STRING}, "required": ["kind"]}
        for number in range(count)
    ]


LARGE: dict[str, tuple[dict[str, JSON], str, str]] = {
    "many properties": ({"properties": named(2000), "minProperties": 2}, '{"k0": "", "k1999": ""}', '{"k0": 1}'),
    "many required ones": (
        {"properties": named(900), "required": list(named(900))},
        "{" + ", ".join(f'"{name}": ""' for name in named(900)) + "}",
        '{"k0": 1}',
    ),
    "many kinds": ({"oneOf": kinds(500)}, '{"kind": "k9", "p9": ""}', '{"kind": "k500"}'),
    "many that overlap": (
        {"oneOf": [{"properties": {name: STRING}, "required": [name]} for name in named(500)]},
        '{"k7": ""}',
        '{"k7": 1}',
    ),
    "many choices": ({"anyOf": kinds(1000)}, '{"kind": "k9", "p9": ""}', "[]"),
    "many dependencies": (
        {"properties": named(200), "dependentRequired": {f"k{i}": [f"k{i + 1}"] for i in range(199)}},
        '{"k198": "", "k199": ""}',
        '{"k0": 1}',
    ),
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("opened", [False, True])
def test_a_large_schema_is_a_grammar_of_few_rules(name: str, opened: bool) -> None:
    schema, valid, invalid = LARGE[name]
    compiled = compile_schema({"type": "object", **schema}, open_objects=opened)
    assert compiled.ebnf.count("::=") <= MOST_RULES
    reader = Reader(compiled.ebnf, exactly=True)
    assert reader.accepts(valid)
    assert not reader.accepts(invalid) or compiled.checked


def test_kinds_are_told_apart_by_one_property() -> None:
    assert compile_schema({"type": "object", "oneOf": kinds(300)}).checked == ()
    twice: JSON = {"type": "object", "oneOf": [*kinds(2), *kinds(1)]}
    assert not Reader(compile_schema(twice).ebnf).accepts('{"kind": "k0"}')


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a second later whenever it is looked at."""
    seconds = itertools.count()
    ticking = SimpleNamespace(thread_time=lambda: next(seconds), monotonic=lambda: next(seconds))
    monkeypatch.setattr(clock, "time", ticking)


@pytest.mark.usefixtures("ticking")
def test_the_clock_is_looked_at_whenever_a_rule_is_made() -> None:
    grammar = Grammar(Clock(5).check)
    rules = iter(grammar.fresh, None)
    with pytest.raises(InvalidSchema, match="takes too long"):
        list(rules)


def test_time_in_which_others_work_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count()
    monkeypatch.setattr(clock, "time", SimpleNamespace(thread_time=lambda: 0, monotonic=lambda: next(seconds)))
    grammar = Grammar(Clock(5).check)
    assert len({grammar.fresh() for _ in range(100)}) == 100


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": named(300)},
        {"oneOf": [{"minimum": number} for number in range(300)]},
        {"type": "array", "prefixItems": [{"minLength": number} for number in range(300)]},
        {"allOf": [{"minLength": number} for number in range(300)]},
    ],
)
def test_one_long_loop_is_ended_when_the_time_is_up(schema: JSON) -> None:
    with pytest.raises(InvalidSchema, match="takes too long"):
        compile_schema(schema, seconds=150)
