"""What is asked of a number in, the grammar of its spellings out.

Integers have no fraction and no exponent. Other numbers may have both, so that whatever ``json.dumps`` writes of a
double has its place, and no number is larger than a double. What a bound is compared to is the decimal number.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from .automaton import Automaton, TooManyStates
from .bounds import PLACES, above, below
from .facets import Numbers
from .free_numbers import DIGITS, LARGEST, free
from .multiples import common_multiple, multiples_of
from .regex import pattern
from .rules import Expr, Grammar
from .spelling import spell_raw

_MOST_DIGITS = 40
_LONGEST = 100  # digits; no integer is written that is larger
_FEW = 1000  # multiples that are written one by one
_SMALLEST = Decimal("5e-324")
_SCIENTIFIC = r"^-?[1-9](\.[0-9]{1,17})?e(\+?0?[0-9]|\+?[1-9][0-9]{1,2}|-0?[1-9]|-[1-9][0-9]{1,2})$"


def write(grammar: Grammar, numbers: Numbers) -> tuple[Expr, set[str]]:
    """The spelled numbers, and the keywords that this leaves to the check."""
    if numbers == Numbers(integer=numbers.integer):
        return grammar.rule(free(signed=True, integer=numbers.integer), "n"), set()
    if numbers == Numbers(Decimal(0), integer=numbers.integer):
        return grammar.rule(free(signed=False, integer=numbers.integer), "n"), set()
    automaton, unsaid = language(numbers)
    return spell_raw(grammar, automaton), set(unsaid)


@lru_cache(maxsize=1024)
def language(numbers: Numbers) -> tuple[Automaton, frozenset[str]]:
    """The spellings, and the keywords that they do not keep."""
    plain, unsaid = _plain(numbers)
    if numbers.integer or numbers.multiples:
        return plain, unsaid
    return plain | _met(_doubles(), numbers, scientific=True), unsaid


def _plain(numbers: Numbers) -> tuple[Automaton, frozenset[str]]:
    within = _met(_spellings(numbers, _digits(numbers)), numbers)
    multiple = common_multiple(numbers.multiples, numbers.integer)
    if not numbers.multiples or (numbers.integer and multiple == 1):
        return within, frozenset()
    multiples = multiples_of(multiple, numbers.integer)
    if multiples is not None:
        # The remainders and how many digits there may be are many states together. Without a limit they are few.
        for base in (within, _met(_spellings(numbers, None), numbers)):
            try:
                return base & multiples, frozenset()
            except TooManyStates:
                continue
    words = _few(numbers, multiple)
    if words is None:
        return within, frozenset({"multipleOf"})
    return within & Automaton.words(words), frozenset()


def _met(automaton: Automaton, numbers: Numbers, scientific: bool = False) -> Automaton:
    """What of it is within the bounds."""
    for side, bound, is_open in (
        (above, numbers.low, numbers.low_open),
        (below, numbers.high, numbers.high_open),
    ):
        if bound is None:
            continue
        if scientific or bound.adjusted() < _digits(numbers):
            automaton &= side(bound, is_open, scientific)
        elif (bound > 0) == (side is above):
            return Automaton.NOTHING
    return automaton


def _digits(numbers: Numbers) -> int:
    """How many digits a number may have before its point: as a 64-bit integer, or as the bounds ask."""
    bounds = [bound.adjusted() + 1 for bound in (numbers.low, numbers.high) if bound is not None]
    needed = [numbers.low] if numbers.low is not None and numbers.low > 0 else []
    needed += [numbers.high] if numbers.high is not None and numbers.high < 0 else []
    # Without an exponent an integer reaches a bound by its digits only.
    least = max((bound.adjusted() + 2 for bound in needed), default=0) if numbers.integer else 0
    return max(DIGITS, min(max(bounds, default=0), _MOST_DIGITS), min(least, _LONGEST))


def _spellings(numbers: Numbers, digits: int | None) -> Automaton:
    """All plain ones. digits: at most so many before the point."""
    more = "[0-9]*" if digits is None else f"[0-9]{{0,{digits - 1}}}"
    if numbers.integer:
        return pattern(f"^(0|-?[1-9]{more})$")[0]
    return pattern(rf"^-?(0|[1-9]{more})(\.[0-9]{{1,{PLACES}}})?$")[0]


@lru_cache(maxsize=1)
def _doubles() -> Automaton:
    """The scientific spellings of all doubles but 0."""
    positive = above(_SMALLEST, False, True) & below(LARGEST, False, True)
    negative = below(-_SMALLEST, False, True) & above(-LARGEST, False, True)
    return pattern(_SCIENTIFIC)[0] & (positive | negative)


def _few(numbers: Numbers, multiple: Fraction) -> Iterable[str] | None:
    """The multiples within the bounds, if they are few whole numbers."""
    if numbers.low is None or numbers.high is None or multiple.denominator > 1:
        return None
    first, last = -(-numbers.low // int(multiple)), numbers.high // int(multiple)
    if last - first > _FEW:
        return None
    values = [count * int(multiple) for count in range(int(first), int(last) + 1)]
    return [str(value) for value in values] + ([] if numbers.integer else [f"{value}.0" for value in values])
