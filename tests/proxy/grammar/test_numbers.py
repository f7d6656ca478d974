"""The grammars of numbers, as llguidance reads them, against arithmetic on decimals."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.facets import Numbers
from proxy.grammar.numbers import language, write
from proxy.grammar.rules import NEVER, Grammar

INTEGERS = st.integers(-(10**9), 10**9) | st.integers(-50, 50)
DECIMALS = st.decimals(-1000, 1000, allow_nan=False, places=2) | INTEGERS.map(Decimal)
DOUBLES = st.floats(allow_nan=False, allow_infinity=False)


def holds(value: Decimal, numbers: Numbers) -> bool:
    """Whether the value is what is asked for."""
    if numbers.low is not None and (value < numbers.low or (numbers.low_open and value == numbers.low)):
        return False
    if numbers.high is not None and (value > numbers.high or (numbers.high_open and value == numbers.high)):
        return False
    return all(value % multiple == 0 for multiple in numbers.multiples)


def near(*bounds: Decimal | None) -> list[Decimal]:
    """The bounds, and what is just beside them."""
    steps = [Decimal(step) for step in ("0", "1", "-1", "0.01", "-0.01", "10", "-10", "0.5")]
    return [bound + step for bound in bounds if bound is not None for step in steps]


def spelled(value: Decimal) -> str:
    return "0" if value == 0 else f"{value.normalize():f}"


@settings(deadline=None)
@given(
    st.none() | INTEGERS.map(Decimal),
    st.none() | INTEGERS.map(Decimal),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, None, 1, 2, 7, 60, 97]),
    st.lists(INTEGERS, max_size=30),
)
@example(Decimal(-5), Decimal(-5), False, False, None, [])
@example(Decimal(0), Decimal(0), False, True, None, [0])
def test_integers_keep_every_bound(
    low: Decimal | None,
    high: Decimal | None,
    low_open: bool,
    high_open: bool,
    multiple: int | None,
    values: list[int],
) -> None:
    multiples = frozenset() if multiple is None else frozenset((Decimal(multiple),))
    numbers = Numbers(low, low_open, high, high_open, True, multiples)
    automaton, unsaid = language(numbers)
    assert unsaid == set()
    for value in [*map(Decimal, values), *near(low, high, Decimal(0))]:
        if value == value.to_integral_value():
            assert automaton.accepts(spelled(value)) == holds(value, numbers), value


@settings(deadline=None)
@given(st.none() | DECIMALS, st.none() | DECIMALS, st.booleans(), st.booleans(), st.lists(DECIMALS, max_size=30))
def test_numbers_keep_every_bound(
    low: Decimal | None, high: Decimal | None, low_open: bool, high_open: bool, values: list[Decimal]
) -> None:
    numbers = Numbers(low, low_open, high, high_open)
    automaton, unsaid = language(numbers)
    assert unsaid == set()
    for value in [*values, *near(low, high, Decimal(0))]:
        assert automaton.accepts(spelled(value)) == holds(value, numbers), value
        if value:
            assert automaton.accepts(f"{value.normalize():e}".replace("e+0", "e+00")) == holds(value, numbers)


@settings(deadline=None)
@given(DOUBLES, st.none() | DOUBLES.map(repr).map(Decimal), st.booleans())
@example(1.7976931348623157e308, None, False)
@example(5e-324, Decimal("5e-324"), False)
@example(-0.0, Decimal(0), False)
@example(1e-07, Decimal(0), True)
def test_what_json_writes_of_a_double_is_judged_by_its_value(
    value: float, low: Decimal | None, is_open: bool
) -> None:
    numbers = Numbers(low, is_open)
    assert language(numbers)[0].accepts(json.dumps(value)) == holds(Decimal(json.dumps(value)), numbers)


@pytest.mark.parametrize("multiple", ["0.01", "0.05", "2.5", "0.5", "3", "10", "12.5"])
@settings(max_examples=30, deadline=None)
@given(st.lists(st.decimals(-1000, 1000, allow_nan=False, places=3) | DECIMALS, min_size=1, max_size=20))
def test_multiples_of_decimals(multiple: str, values: list[Decimal]) -> None:
    numbers = Numbers(multiples=frozenset((Decimal(multiple),)))
    automaton, unsaid = language(numbers)
    assert unsaid == set()
    for value in [*values, *(value - value % Decimal(multiple) for value in values)]:
        assert automaton.accepts(spelled(value)) == holds(value, numbers), value


def test_several_multiples_are_their_common_one() -> None:
    numbers = Numbers(
        Decimal(1), high=Decimal(100), integer=True, multiples=frozenset(map(Decimal, ("4", "6", "2.5")))
    )
    assert language(numbers)[0].finite(9) == ["60"]


def test_large_multiples() -> None:
    def of(multiple: int, low: int | None = None, high: int | None = None) -> Numbers:
        low_, high_ = (None if bound is None else Decimal(bound) for bound in (low, high))
        return Numbers(low_, high=high_, integer=True, multiples=frozenset((Decimal(multiple),)))

    assert [language(of(887, 1))[0].accepts(text) for text in ("887", "1774", "0", "888")] == [
        True,
        True,
        False,
        False,
    ]
    assert len(language(of(99_991, 0, 10_000_000))[0].finite(200) or []) == 101
    assert language(of(99_991)) == (language(Numbers(integer=True))[0], frozenset({"multipleOf"}))


@pytest.mark.parametrize(
    ("numbers", "yes", "no"),
    [
        (Numbers(integer=True), ["0", "-1", "9" * 19], ["-0", "01", "1.0", "1e3", "", "-", "9" * 20, "+1"]),
        (Numbers(Decimal(10) ** 24, integer=True), ["1" + "0" * 24, "9" * 25], ["9" * 24]),
        (Numbers(Decimal(10) ** 500, integer=True), [], ["9" * 501]),
        (
            Numbers(),
            ["0", "-0.0", "1.50", "1e5", "1E5".lower(), "1e-07", "1.5e+20", "1e308"],
            ["1e400", "1.8e308"],
        ),
        (Numbers(), [], [".5", "5.", "00", "1e", "0e1", "12e1", "--1", "1e-400", "NaN", "1.7976931348623158e308"]),
        (
            Numbers(Decimal("0.5"), high=Decimal("0.5")),
            ["0.5", "0.50", "5e-1", "5.0e-01"],
            ["0.51", "0.49", "-0.5"],
        ),
        (Numbers(Decimal(0), True), ["0.001", "1e-300", "3"], ["0", "0.0", "-0.0", "-1"]),
        (Numbers(high=Decimal(10) ** 300), ["1e300", "-1e308", "9.9e299"], ["1.1e300"]),
    ],
)
def test_what_is_a_number(numbers: Numbers, yes: list[str], no: list[str]) -> None:
    grammar = Grammar()
    expr, unsaid = write(grammar, numbers)
    assert unsaid == set()
    if expr == NEVER:
        assert yes == []
        return
    reader = Reader(grammar.text(expr))
    assert [text for text in yes if not reader.accepts(text)] == []
    assert [text for text in no if reader.accepts(text)] == []


@settings(max_examples=50, deadline=None)
@given(st.lists(DOUBLES, min_size=1, max_size=20), st.text("0123456789.-+e", max_size=8))
@example([1e-323, 2e-323, 9.9e-323, 1.7e308, 1.79e308, 9.99e307, -0.0, 1e16, 123456789012345.6], "0e0")
def test_free_numbers_are_those_of_the_automaton(values: list[float], junk: str) -> None:
    """They are written without it, in one rule."""
    for numbers in (Numbers(), Numbers(Decimal(0)), Numbers(integer=True), Numbers(Decimal(0), integer=True)):
        grammar = Grammar()
        ebnf = grammar.text(write(grammar, numbers)[0])
        reader, automaton = Reader(ebnf), language(numbers)[0]
        assert ebnf.count("\n") == 2
        for text in [
            *map(json.dumps, values),
            *(str(int(value)) for value in values),
            junk,
            "0",
            "-0",
            "-0.0",
            "-7",
        ]:
            assert reader.accepts(text) == automaton.accepts(text), text


def test_an_empty_range_is_never() -> None:
    assert write(Grammar(), Numbers(Decimal(2), high=Decimal(1)))[0] == NEVER
    assert write(Grammar(), Numbers(Decimal(1), True, Decimal(2), True, integer=True))[0] == NEVER
