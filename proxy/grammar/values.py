"""``enum`` and ``const`` in, their grammar out: the values that all else allows, as they are written."""

from __future__ import annotations

import re
from decimal import Decimal

from .automaton import Automaton, TooManyStates
from .case import Case
from .facets import Numbers, Strings
from .json_value import Value
from .lowering import Lowering
from .regex import pattern
from .rules import Expr, Text, choice
from .schema import ANY_ARRAY, ANY_OBJECT
from .spelling import spell

_MANY = 64  # strings, from which on they share their beginnings
_WHOLE_FLOAT = re.compile(r"(-?\d+)\.0")


def write_values(lowering: Lowering, case: Case) -> list[Expr]:
    """The values that the case leaves of its list. What only a validator can tell of them is marked."""
    values = [v for v in case.values or () if v.kind in case.types and v not in case.refused and _fits(v, case)]
    kinds = {value.kind for value in values}
    if ("array" in kinds and case.arrays != ANY_ARRAY) or ("object" in kinds and case.objects != ANY_OBJECT):
        lowering.mark("enum")
    if "string" in kinds and (case.strings.formats or not _certain(case.strings)):
        lowering.mark("enum")
    strings = [value.value for value in values if isinstance(value.value, str)]
    alternatives: list[Expr] = [Text(text) for value in values for text in _spellings(value)]
    if len(strings) > _MANY:
        try:
            shared, _ = spell(lowering.grammar, Automaton.words(strings))
        except TooManyStates:
            return alternatives
        return [shared, *(Text(text) for value in values if value.kind != "string" for text in _spellings(value))]
    return alternatives


def plain_values(case: Case, kind: str) -> Expr:
    """null, or true and false, without what is refused."""
    values = map(Value.of, (None,) if kind == "null" else (True, False))
    return choice([value.text for value in values if value not in case.refused])


def _spellings(value: Value) -> list[str]:
    """A whole number is the same with and without a fraction of zero."""
    whole = _WHOLE_FLOAT.fullmatch(value.text)
    return [value.text, whole[1]] if whole else [value.text]


def _fits(value: Value, case: Case) -> bool:
    """False where the facets plainly forbid it."""
    plain = value.value
    if isinstance(plain, str):
        return _string_fits(plain, case.strings)
    if isinstance(plain, int | float) and not isinstance(plain, bool):
        return _number_fits(Decimal(str(plain)), case.numbers)
    return True


def _number_fits(number: Decimal, numbers: Numbers) -> bool:
    low, high = numbers.low, numbers.high
    return (
        (low is None or number > low or (number == low and not numbers.low_open))
        and (high is None or number < high or (number == high and not numbers.high_open))
        and (not numbers.integer or number == number.to_integral_value())
        and all(number % multiple == 0 for multiple in numbers.multiples)
    )


def _string_fits(text: str, strings: Strings) -> bool:
    return (
        len(text) >= strings.low
        and (strings.high is None or len(text) <= strings.high)
        and text not in strings.excluded
        and all(pattern(source)[0].accepts(text) for source in strings.patterns)
        and not any(pattern(source)[1] and pattern(source)[0].accepts(text) for source in strings.refused)
    )


def _certain(strings: Strings) -> bool:
    return all(pattern(source)[1] for source in strings.patterns | strings.refused)
