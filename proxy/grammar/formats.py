"""The name of a ``format`` in, the language of its strings out. Sources: RFC 3339, 4122, 5321, 1123, 4291, 3986.

Each is what the checker takes, or a little more: then it is not exact, and the answer is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from .automaton import Automaton
from .regex import pattern

_DAY = (
    r"(([0-9]{4}-(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01]))|([0-9]{4}-(0[469]|11)-(0[1-9]|[12][0-9]|30))"
    r"|([0-9]{4}-02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|(([0-9][0-9](0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29))"
)
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_GROUP = r"[0-9A-Fa-f]{1,4}"
_UNIT = r"([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"


def _ipv6() -> str:
    whole = [rf"({_GROUP}:){{7}}{_GROUP}", rf"({_GROUP}:){{6}}{_IPV4}"]
    for left in range(8):
        before = "" if left == 0 else _GROUP if left == 1 else rf"{_GROUP}(:{_GROUP}){{{left - 1}}}"
        room = 7 - left
        after = rf"({_GROUP}(:{_GROUP}){{0,{room - 1}}})?" if room > 0 else ""
        whole.append(f"{before}::{after}")
        if room >= 2:
            whole.append(rf"{before}::({_GROUP}:){{0,{room - 2}}}{_IPV4}")
    return "|".join(whole)


def _duration() -> str:
    time = r"T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
    date = r"([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)"
    return rf"P(({date})({time})?|{time}|[0-9]+W)"


_PATTERNS: dict[str, tuple[Callable[[], str], bool]] = {
    "date": (lambda: _DAY, True),
    "time": (lambda: _TIME, True),
    "date-time": (lambda: rf"{_DAY}[Tt]{_TIME}", True),
    "duration": (_duration, True),
    "uuid": (lambda: r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", True),
    "ipv4": (lambda: _IPV4, True),
    "ipv6": (_ipv6, True),
    "hostname": (lambda: rf"{_LABEL}(\.{_LABEL})*", False),
    "email": (lambda: rf"{_ATOM}(\.{_ATOM})*@({_LABEL}(\.{_LABEL})*|\[[^\]\[\\]+\])", False),
    "uri": (lambda: rf"[A-Za-z][A-Za-z0-9+.-]*:({_UNIT}|[/?\[\]])*(#({_UNIT}|[/?])*)?", False),
    "uri-reference": (lambda: rf"({_UNIT}|[/?\[\]])*(#({_UNIT}|[/?])*)?", False),
    "json-pointer": (lambda: r"(/([^/~]|~[01])*)*", True),
}


@lru_cache(maxsize=64)
def format_automaton(name: str) -> tuple[Automaton, bool] | None:
    """The strings of a format, and whether the checker takes all of them. None: a format that nobody checks."""
    if name in _PATTERNS:
        source, exact = _PATTERNS[name]
        automaton, alike = pattern(f"^({source()})$")
        return automaton, exact and alike
    return (Automaton.EVERYTHING, False) if name in _CHECKED else None


_CHECKED = frozenset(
    ("idn-email", "idn-hostname", "iri", "iri-reference", "regex", "relative-json-pointer", "uri-template")
)
