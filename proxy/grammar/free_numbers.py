"""Numbers without bounds, as one expression: what ``json.dumps`` writes of a double or of a 64-bit integer."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from .bounds import PLACES
from .intervals import Intervals
from .rules import EMPTY, Chars, Expr, Text, choice, repeat, sequence

LARGEST = Decimal("1.7976931348623157e308")  # the largest double
DIGITS = 19  # of a 64-bit integer

_DIGIT = Chars(Intervals.of("0123456789"))
_FIRST = Chars(Intervals.of("123456789"))
_PLUS = repeat(Text("+"), 0, 1)


@lru_cache(maxsize=4)
def free(signed: bool, integer: bool) -> Expr:
    """Any number, or any that is not negative."""
    whole = choice(["0", sequence(_FIRST, repeat(_DIGIT, 0, DIGITS - 1))])
    if integer:
        positive = sequence(_FIRST, repeat(_DIGIT, 0, DIGITS - 1))
        return choice(["0", sequence(repeat(Text("-"), 0, 1), positive)]) if signed else whole
    plain = sequence(whole, repeat(sequence(".", repeat(_DIGIT, 1, PLACES)), 0, 1))
    number = choice([plain, *_scientific()])
    if signed:
        return sequence(repeat(Text("-"), 0, 1), number)
    return choice([number, sequence("-0", repeat(sequence(".", repeat(Text("0"), 1, PLACES)), 0, 1))])


def _scientific() -> list[Expr]:
    """One digit before the point and an exponent from -323 (with which any number is a double that is not 0) to
    307; with 308 up to the largest double, and the smallest one."""
    fraction = repeat(sequence(".", repeat(_DIGIT, 1, 17)), 0, 1)
    small = choice([sequence(repeat(Text("0"), 0, 1), _FIRST), sequence(_FIRST, _DIGIT), _three("323")])
    large = choice([sequence(repeat(Text("0"), 0, 1), _DIGIT), sequence(_FIRST, _DIGIT), _three("307")])
    largest = sequence("1", repeat(sequence(".", _up_to(str(LARGEST)[2:18])), 0, 1), "e", _PLUS, "308")
    return [
        sequence(_FIRST, fraction, "e", choice([sequence("-", small), sequence(_PLUS, large)])),
        largest,
        Text("5e-324"),
    ]


def _three(most: str) -> Expr:
    """A number of three digits, up to this one."""
    hundreds, tens, ones = tuple(most)
    below = Chars(Intervals([(ord("1"), ord(hundreds) - 1)]))
    found: list[Expr] = [sequence(below, _DIGIT, _DIGIT), sequence(hundreds, tens, _to(ones))]
    if tens != "0":
        found.append(sequence(hundreds, _to(str(int(tens) - 1)), _DIGIT))
    return choice(found)


def _to(digit: str) -> Expr:
    return Chars(Intervals([(ord("0"), ord(digit))]))


def _up_to(fraction: str) -> Expr:
    """One to seventeen digits of a fraction that is no larger."""
    expr: Expr = EMPTY
    for place in reversed(range(len(fraction))):
        digit = fraction[place]
        ways: list[Expr] = [sequence(digit, expr)]
        if digit > "0":
            ways.append(sequence(_to(chr(ord(digit) - 1)), repeat(_DIGIT, 0, 16 - place)))
        expr = choice([EMPTY, *ways] if place else ways)
    return expr
