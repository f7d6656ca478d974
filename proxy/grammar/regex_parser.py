r"""The source of a regular expression in, its tree out: ECMA-262 with the flag u, as the checker reads it.

Beside ECMA it takes what the checker takes: ``(?P<name>..)``, ``(?i)``, ``\A``, ``\z``, ``\pL``, and a brace that
begins no count. Look-behind is refused.
"""

from __future__ import annotations

import re

from .intervals import ANY, Intervals
from .regex_classes import DOT, ESCAPED, either_case, unicode_property
from .regex_syntax import (
    NOTHING_TO_READ,
    Alternation,
    Assertion,
    Chars,
    Concatenation,
    InvalidPattern,
    Lookahead,
    Node,
    Repetition,
    Superset,
)

_MOST_NESTED = 60
_COUNT = re.compile(r"\{([0-9]+)(,([0-9]*))?\}")
_GROUP = re.compile(
    r"\((\?(?:(?P<look>[=!])|(?P<behind><[=!])|P?<(?P<name>\w+)>|(?P<flags>[imsu]*(?:-[imsu]+)?)(?P<end>[:)])))?"
)
_REFERENCE = re.compile(r"\\(?:([1-9][0-9]*)|k<(\w+)>)")
_PROPERTY = re.compile(r"\\([pP])(?:\{(\^?)([^{}]*)\}|([A-Z]))")
_CODED = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}|c([a-zA-Z])|0(?![0-9]))")
_PAIR = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13}
_ASSERTIONS = {"b": Assertion.BOUNDARY, "B": Assertion.NO_BOUNDARY, "A": Assertion.START, "z": Assertion.END}


def parse(source: str) -> Node:
    """Raises InvalidPattern."""
    return _Parser(source).whole()


class _Parser:
    """Reads from left to right; ``at`` is the place in the source."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.flags = frozenset[str]()
        self.nested = 0
        self.opened = 0
        self.groups: dict[str, Node] = {}  # by number and by name, once they are closed
        self.names: set[str] = set()
        self.referred: set[str] = set()
        self.looks = self.excludes = False  # whether it has look-aheads or references, and negated classes

    def whole(self) -> Node:
        node = self.alternation()
        if self.at < len(self.source):
            raise self.error("a parenthesis is closed that was not opened")
        unknown = self.referred - self.names
        if unknown:
            raise InvalidPattern(f"there is no group {min(unknown)}")
        # The checker reads these classes by Unicode's tables where a pattern looks ahead or back, against ECMA.
        return Superset(node) if self.looks and self.excludes else node

    def error(self, problem: str) -> InvalidPattern:
        return InvalidPattern(f"{problem} (at character {self.at + 1})")

    def ahead(self) -> str:
        return self.source[self.at : self.at + 1]

    def taken(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        """The match here, which is then behind."""
        match = regex.match(self.source, self.at)
        if match:
            self.at = match.end()
        return match

    def alternation(self) -> Node:
        flags = self.flags
        parts = [self.concatenation()]
        while self.ahead() == "|":
            self.at += 1
            parts.append(self.concatenation())
        self.flags = flags
        return parts[0] if len(parts) == 1 else Alternation(tuple(parts))

    def concatenation(self) -> Node:
        parts: list[Node] = []
        while self.ahead() not in ("", "|", ")"):
            parts.append(self.repetition())
        return parts[0] if len(parts) == 1 else Concatenation(tuple(parts))

    def repetition(self) -> Node:
        looks_ahead = self.source.startswith(("(?=", "(?!"), self.at)
        body = self.atom()
        count = self.count()
        if count is None:
            return body
        low, high = count
        if looks_ahead:
            raise self.error("a look-ahead cannot be repeated")
        if high is not None and low > high:
            raise self.error(f"the count {low},{high} is out of order")
        if self.ahead() in ("?", "+"):  # lazy, possessive: the first is the same language
            self.at += 1
            body = Superset(body) if self.source[self.at - 1] == "+" else body
        if self.ahead() in ("*", "+", "?") or _COUNT.match(self.source, self.at):
            raise self.error("there is nothing to repeat")
        return Repetition(body, low, high)

    def count(self) -> tuple[int, int | None] | None:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        if self.ahead() in simple:
            self.at += 1
            return simple[self.source[self.at - 1]]
        match = self.taken(_COUNT)
        if match is None:
            return None
        low, more, high = match.groups()
        if len(low) > 9 or len(high or "") > 9:
            raise self.error("the count is too large")
        return int(low), int(high) if high else None if more else int(low)

    def atom(self) -> Node:
        char = self.ahead()
        if char == "(":
            return self.group()
        if char == "[":
            return self.char_class()
        if char == "\\":
            return self.escape()
        if char in ("*", "+", "?") or _COUNT.match(self.source, self.at):
            raise self.error("there is nothing to repeat")
        self.at += 1
        if char == ".":
            return Chars(ANY) if "s" in self.flags else DOT
        lines = "m" in self.flags
        if char == "^":
            return Assertion.LINE_START if lines else Assertion.START
        if char == "$":
            return Assertion.LINE_END if lines else Assertion.END
        return self.cased(Chars(Intervals.of(char)))

    def cased(self, chars: Chars) -> Chars:
        return either_case(chars) if "i" in self.flags else chars

    def group(self) -> Node:
        match = self.taken(_GROUP)
        assert match is not None
        if match["behind"]:
            raise self.error("look-behind is not supported; say it without")
        if match[1] is None and self.ahead() == "?":
            raise self.error("no known kind of group begins with (?")
        before = self.flags
        if match["flags"] is not None:
            added, _, removed = match["flags"].partition("-")
            self.flags = (self.flags | set(added)) - set(removed)
            if match["end"] == ")":  # (?i) holds until the group around it ends
                return NOTHING_TO_READ
        captured = self.capture(match["name"]) if match[1] is None or match["name"] else ()
        body = self.inside()
        self.flags = before
        self.groups.update(dict.fromkeys(captured, body))
        self.looks |= match["look"] is not None
        return Lookahead(body, match["look"] == "!") if match["look"] else body

    def capture(self, name: str | None) -> tuple[str, ...]:
        """What the group that begins here is called."""
        self.opened += 1
        if name in self.names:
            raise self.error(f"there are two groups {name}")
        called = (str(self.opened), *([name] if name else []))
        self.names.update(called)
        return called

    def inside(self) -> Node:
        self.nested += 1
        if self.nested > _MOST_NESTED:
            raise self.error(f"groups are nested more than {_MOST_NESTED} deep")
        body = self.alternation()
        self.nested -= 1
        if self.ahead() != ")":
            raise self.error("a parenthesis is not closed")
        self.at += 1
        return body

    def escape(self) -> Node:
        letter = self.source[self.at + 1 : self.at + 2]
        if letter in _ASSERTIONS:
            self.at += 2
            return _ASSERTIONS[letter]
        reference = self.taken(_REFERENCE)
        if reference:
            return self.reference(reference[1] or reference[2])
        if letter in ("<", ">"):  # ECMA's character is the checker's edge of a word: either
            self.at += 2
            return Superset(Repetition(Chars(Intervals.of(letter)), 0, 1))
        found = self.escaped()
        return self.cased(found) if found.points.size == 1 else found

    def reference(self, name: str) -> Node:
        """What the group has read, again: nothing in a group that is not closed yet."""
        self.referred.add(name)
        self.looks = True
        body = self.groups.get(name)
        return Superset(NOTHING_TO_READ if body is None else Alternation((NOTHING_TO_READ, body)))

    def char_class(self) -> Chars:
        self.at += 1
        negated = self.ahead() == "^"
        self.at += negated
        if self.ahead() == "]":
            raise self.error("a class is empty")
        points = doubtful = Intervals()
        while self.ahead() != "]":
            member = self.member()
            points, doubtful = points | member.points, doubtful | member.doubtful
        self.at += 1
        found = self.cased(Chars(points, doubtful - points))
        self.excludes |= negated
        return found.negated() if negated else found

    def member(self) -> Chars:
        """A character, an escape or a range."""
        first = self.single()
        if self.ahead() != "-" or self.source[self.at + 1 : self.at + 2] in ("]", ""):
            return first
        self.at += 1
        last = self.single()
        if first.possible.size > 1 or last.possible.size > 1:
            raise self.error("a range begins or ends with a class")
        if not first.points or not last.points:  # half of a surrogate pair
            return Chars(Intervals(), ANY)
        (start, _), (end, _) = first.points.ranges[0], last.points.ranges[0]
        if start > end:
            raise self.error("a range is out of order")
        return Chars(Intervals([(start, end)]))

    def single(self) -> Chars:
        char = self.ahead()
        if not char:
            raise self.error("a class is not closed")
        if char != "\\":
            self.at += 1
            return Chars(Intervals.of(char))
        if self.source.startswith("\\b", self.at):
            self.at += 2
            return Chars(Intervals.of("\b"))
        return self.escaped()

    def escaped(self) -> Chars:
        """An escape that stands for one character, in a class or outside."""
        pair = self.taken(_PAIR)
        if pair:
            return Chars(Intervals.of(bytes.fromhex(pair[1] + pair[2]).decode("utf-16-be")))
        coded = self.taken(_CODED)
        if coded:
            return Chars(Intervals([(_code(coded), _code(coded))]))
        unicode = self.taken(_PROPERTY)
        if unicode:
            found = unicode_property(unicode[3] or unicode[4] or "")
            return found.negated() if (unicode[1] == "P") != bool(unicode[2]) else found
        letter = self.source[self.at + 1 : self.at + 2]
        if not letter or (letter not in ESCAPED and letter not in _CONTROLS and letter.isalnum()):
            raise self.error(f"\\{letter} is no escape")
        self.at += 2
        self.excludes |= letter in ("D", "S", "W")
        point = _CONTROLS.get(letter, ord(letter))
        return ESCAPED.get(letter) or Chars(Intervals([(point, point)]))


def _code(match: re.Match[str]) -> int:
    two, four, any_number, control = match.groups()
    if control:
        return ord(control) % 32
    return int(two or four or any_number or "0", 16)
