"""One sample's text in, its events out, incrementally.

A family is one file and one line in ``FORMATS``; the recipe of a model names the one that it was taught, and how
it thinks, a line of ``REASONING``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..events import Event
from ..generation import FinishReason
from ..syntax import Syntax
from ..tools import Tool
from .channels import ChannelParser
from .family import Family
from .marked import MarkedParser
from .plain import PlainParser
from .reasoning import REASONING, Reasoning
from .tools.deepseek_v3 import DEEPSEEK_V3
from .tools.deepseek_v31 import DEEPSEEK_V31
from .tools.glm4 import GLM4
from .tools.harmony import HARMONY
from .tools.hermes import HERMES
from .tools.llama3 import LLAMA3
from .tools.mistral_v3 import MISTRAL_V3
from .tools.mistral_v11 import MISTRAL_V11
from .tools.qwen3_coder import QWEN3_CODER


class Parser(Protocol):
    """Synchronous, without I/O; looks at each character once. thinking: whether what comes next is, as far as is
    known, part of a thought."""

    thinking: bool

    @property
    def resting(self) -> bool:
        """Whether it is inside a thought, or in text before any call, and nothing that it was fed may yet become a
        marker."""
        ...

    def feed(self, text: str) -> list[Event]:
        """What the text adds."""
        ...

    def finish(self, reason: FinishReason) -> list[Event]:
        """What was held back, then Done. reason: why the engine ended."""
        ...


@dataclass(frozen=True, slots=True)
class Start:
    """Where a sample begins. thinking: inside a thought, which the prompt has opened. tools: those that it may
    call; where there are none, nothing that it writes is a call. must_call: whether it is nothing but calls, so
    that the beginning of one is no text, even if nothing follows."""

    thinking: bool = False
    tools: Sequence[Tool] = ()
    must_call: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """How one model writes what it means. parser: makes one for each sample. reasoning: what efforts mean."""

    syntax: Syntax
    parser: Callable[[Start], Parser]
    reasoning: Reasoning = REASONING["none"]


# Where a build guesses, the first that fits is taken: what has more signs comes first.
FORMATS: dict[str, Family] = {
    "plain": Family(),
    "harmony": HARMONY,
    "deepseek-v3": DEEPSEEK_V3,
    "deepseek-v3.1": DEEPSEEK_V31,
    "mistral-v11": MISTRAL_V11,
    "mistral-v3": MISTRAL_V3,
    "llama3": LLAMA3,
    "qwen3-coder": QWEN3_CODER,
    "glm4": GLM4,
    "hermes": HERMES,
}


class UnknownFormat(ValueError):
    """A name that is no format's or no way to think, or two that do not go together; the message says which."""


def find_format(name: str, reasoning: str = "none") -> Format:
    """The format of the recipe's two names. Raises UnknownFormat."""
    if name not in FORMATS:
        raise UnknownFormat(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    if reasoning not in REASONING:
        raise UnknownFormat(f"there is no reasoning {reasoning!r}; there are {', '.join(REASONING)}")
    family, thought = FORMATS[name], REASONING[reasoning]
    if family.channels != (reasoning == "harmony"):
        raise UnknownFormat(f"the format {name!r} does not go together with the reasoning {reasoning!r}")
    markers = tuple(dict.fromkeys((*family.markers, *thought.markers)))
    syntax = Syntax(family.calls, thought.syntax, family.before_text, markers)
    return Format(syntax, _parsers(syntax, family), thought)


def _parsers(syntax: Syntax, family: Family) -> Callable[[Start], Parser]:
    if family.channels:
        return lambda start: ChannelParser(thinking=start.thinking, tools=start.tools, must_call=start.must_call)
    if syntax.calls is None and syntax.thought is None:
        return PlainParser
    return lambda start: MarkedParser(
        syntax, thinking=start.thinking, tools=start.tools, must_call=start.must_call
    )
