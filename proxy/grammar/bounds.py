"""A bound in, the automaton of the spelled numbers on one side of it out: digit by digit, without rounding.

Plain spellings (``-12.5``) and scientific ones (``-1.25e+01``, one digit before the point) have automata of their
own. These take more than numbers: they are met with the automaton of all spelled numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple, Protocol

from .automaton import Automaton

PLACES = 20  # after the point of a plain spelling: a double has 17 digits, and 3 zeros before them at most
_CHARACTERS = "+-.0123456789e"
_LETTERS = [[(ord(char), ord(char))] for char in _CHARACTERS]


class Digits(NamedTuple):
    """How digits compare to known ones. length: how many were read, up to one more than there are. order: -1, 0 or
    1, as those read are less than, like or greater than as many of the known."""

    length: int = 0
    order: int = 0

    def read(self, digit: str, known: str) -> Digits:
        if self.length >= len(known):
            return Digits(len(known) + 1, self.order or int(digit > "0"))
        return Digits(self.length + 1, self.order or _compared(int(digit), int(known[self.length])))

    def of_fractions(self, known: str) -> int:
        """The order of two fractions; the known one does not end in 0."""
        return self.order or (-1 if self.length < len(known) else 0)

    def of_integers(self, known: str) -> int:
        """The order of two integers; neither begins with 0."""
        return _compared(self.length, len(known)) or self.order


class Place(NamedTuple):
    """Where a comparison stands. before: the order of the part that was read before this one, None in the first.
    minus: whether that of the exponent is negative."""

    digits: Digits = Digits()
    before: int | None = None
    minus: bool = False


class _Comparison(Protocol):
    """Compares the magnitude of a number, read without its sign, to a known one."""

    def read(self, place: Place, char: str) -> Place: ...

    def order(self, place: Place) -> int: ...


class _Plain:
    """Whole digits, and maybe a point and a fraction."""

    def __init__(self, magnitude: Decimal) -> None:
        self.whole, _, fraction = f"{magnitude:f}".partition(".")
        beyond = "1" if fraction[PLACES:].strip("0") else ""  # no number has so many places: it is just not equal
        self.fraction = (fraction[:PLACES] + beyond).rstrip("0")

    def read(self, place: Place, char: str) -> Place:
        if not char.isdigit():
            return Place(before=place.digits.of_integers(self.whole))
        known = self.whole if place.before is None else self.fraction
        return place._replace(digits=place.digits.read(char, known))

    def order(self, place: Place) -> int:
        if place.before is None:
            return place.digits.of_integers(self.whole) or Digits().of_fractions(self.fraction)
        return place.before or place.digits.of_fractions(self.fraction)


class _Scientific:
    """A digit that is not 0, maybe a point and more digits, and always an exponent."""

    def __init__(self, magnitude: Decimal) -> None:
        self.mantissa = "".join(map(str, magnitude.as_tuple().digits)).rstrip("0")
        exponent = magnitude.adjusted() if magnitude else -(10**9)  # any number is greater than 0
        self.exponent, self.minus = str(abs(exponent)) if exponent else "", exponent < 0

    def read(self, place: Place, char: str) -> Place:
        if char == "e":
            return Place(before=place.digits.of_fractions(self.mantissa))
        if char == "-":
            return place._replace(minus=True)
        if not char.isdigit():
            return place
        if place.before is None:
            return Place(place.digits.read(char, self.mantissa))
        leading = char == "0" and not place.digits.length
        return place if leading else place._replace(digits=place.digits.read(char, self.exponent))

    def order(self, place: Place) -> int:
        if place.minus != self.minus:
            return -1 if place.minus else 1
        exponents = place.digits.of_integers(self.exponent)
        return (-exponents if self.minus else exponents) or place.before or 0


def _compared(a: int, b: int) -> int:
    return (a > b) - (a < b)


@lru_cache(maxsize=1024)
def above(bound: Decimal, is_open: bool, scientific: bool) -> Automaton:
    """The numbers that are greater than the bound or (if it is not open) equal to it. Raises TooManyStates."""
    return _side(bound, is_open, scientific, mirrored=False)


@lru_cache(maxsize=1024)
def below(bound: Decimal, is_open: bool, scientific: bool) -> Automaton:
    """The numbers that are less than the bound or (if it is not open) equal to it. Raises TooManyStates."""
    return _side(-bound, is_open, scientific, mirrored=True)


_Signed = tuple[bool | None, Place]  # whether the number is negative, if that is known


def _side(bound: Decimal, is_open: bool, scientific: bool, mirrored: bool) -> Automaton:
    """mirrored: of the opposite number."""
    comparison: _Comparison = (_Scientific if scientific else _Plain)(abs(bound))
    equal = set() if is_open else {0}
    positive, negative = (
        ({1} | equal, equal if bound == 0 else set()) if bound >= 0 else ({-1, 0, 1}, {-1} | equal)
    )
    wanted = {mirrored: positive, not mirrored: negative}

    def step(state: _Signed) -> Mapping[int, _Signed]:
        minus, place = state
        if minus is None:
            return {
                letter: (True, place) if char == "-" else (False, comparison.read(place, char))
                for letter, char in enumerate(_CHARACTERS)
                if char == "-" or char.isdigit()
            }
        return {letter: (minus, comparison.read(place, char)) for letter, char in enumerate(_CHARACTERS)}

    def accepts(state: _Signed) -> bool:
        minus, place = state
        return minus is not None and comparison.order(place) in wanted[minus]

    start: _Signed = (None, Place())
    return Automaton.explored(_LETTERS, start, step, accepts)
