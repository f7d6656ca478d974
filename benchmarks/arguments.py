"""What reading an answer costs: a call's arguments by their length, and text through a parser that looks for
thoughts and calls beside one that looks for nothing. ``python -m benchmarks.arguments`` prints it alone::

    | format | 500 characters | 50,000 characters | |
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from proxy.calls import Call, write_calls
from proxy.events import ToolArguments
from proxy.formats.parser import FORMATS, Format, Start, find_format
from proxy.tools import Tool

TOKEN = 4  # characters
ROUNDS = 5
SHORT, LONG = 500, 50_000
TOKENS = 20_000
_TEXT = "The quick brown fox < jumps over\nthe lazy dog, and [so] on. "
_TOOL = Tool("write_file", None, {"properties": {"text": {"type": "string"}, "lines": {"type": "array"}}})


def _answer(name: str, characters: int) -> str:
    """A call with about so many characters in its arguments, half of them in one string."""
    calls = FORMATS[name].calls
    assert calls is not None
    half = characters // 2
    lines = [_TEXT] * (half // (len(_TEXT) + 4))
    arguments = json.dumps({"text": (_TEXT * (half // len(_TEXT) + 1))[:half], "lines": lines})
    return write_calls([Call(_TOOL.name, arguments)], calls, [_TOOL])


def _seconds(format: Format, pieces: Sequence[str]) -> float:
    """CPU seconds of one sample. Raises ValueError where a call was not read."""
    parser = format.parser(Start(tools=(_TOOL,)))
    started = time.process_time()
    events = [event for piece in pieces for event in parser.feed(piece)]
    events += parser.finish("stop")
    spent = time.process_time() - started
    if pieces[0].startswith(_TEXT[:TOKEN]) == any(isinstance(event, ToolArguments) for event in events):
        raise ValueError("the answer was read as something else")
    return spent


def _pieces(text: str) -> list[str]:
    return [text[start : start + TOKEN] for start in range(0, len(text), TOKEN)]


def per_character(name: str, characters: int) -> float:
    """Nanoseconds for a character of a call: the best of ROUNDS, each of about LONG characters."""
    pieces = _pieces(_answer(name, characters))
    times = LONG // characters
    format = find_format(name, "harmony" if FORMATS[name].channels else "none")
    spent = min(sum(_seconds(format, pieces) for _ in range(times)) for _ in range(ROUNDS))
    return spent / times / sum(map(len, pieces)) * 1e9


def per_token(name: str, reasoning: str) -> float:
    """Nanoseconds for a token of text: the best of ROUNDS."""
    pieces = _pieces(_TEXT * (TOKENS * TOKEN // len(_TEXT)))
    format = find_format(name, reasoning)
    return min(_seconds(format, pieces) for _ in range(ROUNDS)) / len(pieces) * 1e9


def table() -> str:
    """Both as Markdown."""
    lines = [
        f"| a call, in ns a character | {SHORT} characters | {LONG:,} | {LONG:,} / {SHORT} |\n|---|---|---|---|\n"
    ]
    for name, family in FORMATS.items():
        if family.calls is not None:
            short, long = per_character(name, SHORT), per_character(name, LONG)
            lines.append(f"| {name} | {short:.0f} | {long:.0f} | {long / short:.2f} |\n")
    lines.append("\n| text, in ns a token | |\n|---|---|\n")
    for name, reasoning in (("plain", "none"), ("hermes", "enable_thinking")):
        lines.append(f"| {name}, {reasoning} | {per_token(name, reasoning):.0f} |\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(table())
