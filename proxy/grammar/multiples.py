"""What numbers must be a multiple of in, the automaton of their plain spellings out: remainders, digit by
digit."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import lcm

from .automaton import Automaton

MOST = 900
_LETTERS = [[(ord(char), ord(char))] for char in "-.0123456789"]
_State = tuple[int, int | None]  # the remainder, and how many decimals were read; None before the point


def common_multiple(multiples: Iterable[Decimal], integer: bool) -> Fraction:
    """What a number is a multiple of if it is one of each of these (and, if integer, of 1): of 0.4 and 0.6 it is
    1.2."""
    found = Fraction(1) if integer else None
    for multiple in map(Fraction, multiples):
        found = multiple if found is None else _both(found, multiple)
    return Fraction(1) if found is None else found


def _both(a: Fraction, b: Fraction) -> Fraction:
    denominator = lcm(a.denominator, b.denominator)
    return Fraction(lcm(int(a * denominator), int(b * denominator)), denominator)


@lru_cache(maxsize=256)
def multiples_of(multiple: Fraction, integer: bool) -> Automaton | None:
    """The numbers that are a multiple of it, or None where that takes too many remainders. multiple: positive,
    with a finite number of decimals. integer: without a fraction. It takes more than numbers: it is to be met with
    the automaton of all of them."""
    decimals = 0
    while (multiple * 10**decimals).denominator > 1:
        decimals += 1
    divisor = int(multiple * 10**decimals)
    if divisor * (1 if integer else decimals + 2) > MOST:
        return None

    def step(state: _State) -> dict[int, _State]:
        remainder, places = state
        following: dict[int, _State] = {0: state} if places is None else {}
        if places is None and not integer:
            following[1] = (remainder, 0)
        if places == decimals:
            following[2] = state  # zeros may follow
        else:
            after = None if places is None else places + 1
            following.update((2 + digit, ((10 * remainder + digit) % divisor, after)) for digit in range(10))
        return following

    def accepts(state: _State) -> bool:
        remainder, places = state
        return remainder * int(10 ** (decimals - (places or 0))) % divisor == 0

    start: _State = (0, None)
    return Automaton.explored(_LETTERS, start, step, accepts)
