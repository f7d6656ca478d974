"""The name of a ``format`` in, the language of its strings out.

Sources: RFC 3339 (date, time, duration), 9562 (uuid), 4291 (ipv6), 1123 (hostname), 5321 (email), 3986 (uri), 6901
(json-pointer). What takes counting, as the 63 characters of a host's label, is left to the check: not exact.
"""

from __future__ import annotations

from functools import lru_cache

from .automaton import Automaton
from .regex import pattern

_LEAP_YEAR = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)"
_DATE = (
    r"([0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    rf"|02-(0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
)
# A leap second is the last of a day in UTC. Elsewhere it has 1,439 other names, which are not written.
_TIME = (
    r"(([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
    r"|23:59:60(\.[0-9]+)?([Zz]|[+-]00:00))"
)
_DURATION_TIME = r"T([0-9]+H([0-9]+M([0-9]+S)?)?|[0-9]+M([0-9]+S)?|[0-9]+S)"
_DURATION_DATE = r"([0-9]+Y([0-9]+M([0-9]+D)?)?|[0-9]+M([0-9]+D)?|[0-9]+D)"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_HEX = "[0-9A-Fa-f]"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(\.{_LABEL})*"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_QUOTED = r'"([ !#-\[\]-~]|\\[ -~])*"'


def _ipv6() -> str:
    """Eight groups, the last two maybe an IPv4 address; or fewer, with a double colon for those left out."""
    group = f"{_HEX}{{1,4}}"
    ways = [f"({group}:){{7}}{group}", f"({group}:){{6}}{_IPV4}"]
    for left in range(8):
        before = f"{group}(:{group}){{{left - 1}}}" if left else ""
        ways.append(f"{before}::(({group}:){{0,{6 - left}}}{group})?" if left < 7 else f"{before}::")
        if left < 6:
            ways.append(f"{before}::({group}:){{0,{5 - left}}}{_IPV4}")
    return f"({'|'.join(ways)})"


def _uri(scheme: str) -> str:
    """RFC 3986, appendix A. scheme: what comes before the hierarchical part, and may keep a colon from it."""
    escaped = f"%{_HEX}{_HEX}"
    plain = r"A-Za-z0-9._~!$&'()*+,;=\-"
    name, user = f"([{plain}]|{escaped})", f"([{plain}:]|{escaped})"
    char = f"([{plain}:@]|{escaped})"
    host = rf"(\[({_ipv6()}|[vV]{_HEX}+\.[{plain}:]+)\]|{name}*)"
    authority = f"({user}*@)?{host}(:[0-9]*)?"
    first = char if scheme else f"([{plain}@]|{escaped})"
    path = f"(//{authority}(/{char}*)*|/({char}+(/{char}*)*)?|{first}+(/{char}*)*|)"
    rest = f"({char}|[/?])*"
    return rf"{scheme}{path}(\?{rest})?(#{rest})?"


_RELATIVE = _uri("")
_EXACT = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}[Tt]{_TIME}",
    "duration": rf"P({_DURATION_DATE}({_DURATION_TIME})?|{_DURATION_TIME}|[0-9]+W)",
    "uuid": f"{_HEX}{{8}}(-{_HEX}{{4}}){{3}}-{_HEX}{{12}}",
    "ipv4": _IPV4,
    "ipv6": _ipv6(),
    "json-pointer": r"(/([^/~]|~[01])*)*",
    "uri": _uri("[A-Za-z][A-Za-z0-9+.-]*:"),
}
_WIDER = {
    "hostname": _HOST,
    "email": rf"({_ATOM}(\.{_ATOM})*|{_QUOTED})@({_HOST}|\[(IPv6:[0-9A-Fa-f:.]+|[0-9.]+)\])",
}
# The checker knows these, too.
_UNSAID = frozenset(
    ("idn-email", "idn-hostname", "iri", "iri-reference", "regex", "relative-json-pointer", "uri-template")
)


@lru_cache(maxsize=64)
def format_automaton(name: str) -> tuple[Automaton, bool] | None:
    """The strings of a format, and whether no others. None: a format that nobody checks."""
    if name in _UNSAID:
        return Automaton.EVERYTHING, False
    if name == "uri-reference":
        return _language(_EXACT["uri"])[0] | _language(_RELATIVE)[0], True
    if name in _EXACT:
        return _language(_EXACT[name])
    return (_language(_WIDER[name])[0], False) if name in _WIDER else None


def _language(source: str) -> tuple[Automaton, bool]:
    return pattern(f"^({source})$")
