"""What is asked of a string in, the grammar of its JSON text out, and the keywords that are left to the check.

Every facet is an automaton, and what holds together is their intersection. Where that has more states than an
engine should be asked to carry, it is made coarser or a facet is left out, the most expensive ones last, and
named.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from .automaton import Automaton, TooManyStates
from .budget import Budget
from .coarse import coarse
from .facets import Strings
from .formats import format_automaton
from .regex import pattern
from .rules import Expr, Grammar
from .spelling import spell

MOST_COUNTED = 100  # characters that are counted at all
_DEPTHS = (8, 3, 1)  # how far a coarse automaton still tells states apart


def write(grammar: Grammar, strings: Strings, budget: Budget) -> tuple[Expr, set[str]]:
    """The JSON string, quotes included, and the keywords that it does not keep."""
    found, unsaid = Automaton.EVERYTHING, set[str]()
    for word, automaton, exact in _facets(strings):
        if not exact:
            unsaid.add(word)
        narrower, whole = _affordable(found, automaton, budget)
        if not whole:
            unsaid.add(word)
        found = narrower
    budget.take(_cost(found))
    expr, exact = spell(grammar, found)
    return expr, unsaid if exact else unsaid | {"pattern"}


def _affordable(found: Automaton, automaton: Automaton, budget: Budget) -> tuple[Automaton, bool]:
    """Both, or what comes near without being too much for the engine; and whether it is both."""
    narrower = _narrower(found, automaton)
    if narrower is None:
        return found, False
    if _cost(narrower) <= max(_cost(found), budget.left):
        return narrower, True
    for depth in _DEPTHS:
        try:
            near = coarse(narrower, depth)
        except TooManyStates:
            continue
        if _cost(near) <= max(_cost(found), budget.left):
            return near, False
    return found, False


def language(strings: Strings) -> tuple[Automaton, bool]:
    """The strings themselves, and whether no others."""
    found, certain = Automaton.EVERYTHING, True
    for _, automaton, exact in _facets(strings):
        narrower = _narrower(found, automaton)
        certain = certain and exact and narrower is not None
        found = found if narrower is None else narrower
    return found, certain


def _cost(automaton: Automaton) -> int:
    """The string that may be anything is there anyway."""
    return 0 if automaton.is_universal else automaton.broad


def _narrower(found: Automaton, automaton: Automaton) -> Automaton | None:
    try:
        return found & automaton
    except TooManyStates:
        return None


def _facets(strings: Strings) -> Iterator[tuple[str, Automaton, bool]]:
    """The keyword, its language, and whether that is exact; what costs the engine least comes first."""
    for source in sorted(strings.patterns):
        yield ("pattern", *pattern(source))
    for name in sorted(strings.formats):
        if (known := format_automaton(name)) is not None:
            yield ("format", *known)
    for source in sorted(strings.refused):
        refused, exact = pattern(source)
        # What is left of a language that is too large would be too small.
        yield "not", ~refused if exact else Automaton.EVERYTHING, exact
    if strings.excluded:
        yield "not", Automaton.EVERYTHING - Automaton.words(strings.excluded), True
    yield from _counted("minLength", strings.low, None)
    if strings.high is not None:
        yield from _counted("maxLength", 0, strings.high)


def _counted(word: str, low: int, high: int | None) -> Iterator[tuple[str, Automaton, bool]]:
    if low == 0 and high is None:
        return
    if (high or low) > MOST_COUNTED:
        yield word, Automaton.EVERYTHING, False
    else:
        yield word, _lengths(low, high), True


@lru_cache(maxsize=256)
def _lengths(low: int, high: int | None) -> Automaton:
    return Automaton.lengths(low, high)
