"""A regular expression of JSON Schema in, the language of the strings in which it is found out."""

from __future__ import annotations

from functools import lru_cache

from .automaton import Automaton, TooManyStates
from .nfa import Nfa
from .regex_parser import parse
from .regex_syntax import InvalidPattern as InvalidPattern

_LONGEST = 10_000


@lru_cache(maxsize=1024)
def pattern(source: str) -> tuple[Automaton, bool]:
    """The strings in which the pattern is found, and whether that is exact: else there are more of them than there
    should be. The pattern is an ECMA-262 regular expression with the flag u. Raises InvalidPattern."""
    if len(source) > _LONGEST:
        raise InvalidPattern(f"the pattern has {len(source)} characters; at most {_LONGEST} are allowed")
    node = parse(source)
    for loose in (False, True):
        nfa = Nfa(loose)
        try:
            return nfa.found(node), nfa.exact
        except TooManyStates:
            continue
    return Automaton.EVERYTHING, False
