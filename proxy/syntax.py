"""How a model's family writes thoughts and calls, as data: the grammar is written from it, the parser reads by it
and the history is rendered with it, so that the three cannot disagree.

::

    opening THOUGHT closing after  text  trigger first before_name NAME after_name ARGUMENTS after_call ... last
    <think> ...     </think> \\n\\n Hm.   <tool_call> - \\n{"name": "f", "arguments": {"a": 1} }\\n</tool_call>
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# What a prompt leaves a sample: inside a thought, free to open one, or past it (or of a family that has none).
Thinking = Literal["inside", "may", "never"]


@dataclass(frozen=True, slots=True)
class ThoughtSyntax:
    """opening, closing: what a thought stands between. before, after: the white space that the family writes
    inside, at each end (``<think>\\n...\\n</think>``), and behind it. Whoever ends a thought early writes before,
    closing and after."""

    opening: str
    closing: str
    before: str = "\n"
    after: str = "\n\n"

    @property
    def ending(self) -> str:
        """What ends a thought that is broken off."""
        return self.before + self.closing + self.after


@dataclass(frozen=True, slots=True)
class ParameterSyntax:
    """Arguments that are no JSON: each parameter is before_name, its name, after_name, its value and after_value.
    The value of a parameter that can only be a string (``Tool.texts``) is written as it is, any other as JSON."""

    before_name: str
    after_name: str
    after_value: str


@dataclass(frozen=True, slots=True)
class CallSyntax:
    """trigger: what cannot be anything but the beginning of calls. first: what follows it once. Then the calls,
    each before_name, the function's name, after_name, its arguments and after_call, with between between two of
    them, and last once they are done. anywhere: calls may follow text; else an answer that begins with the trigger
    is calls, and one that does not is text. parallel: whether the family can write more than one. lead: what may
    stand before the trigger. call_id: what may follow a name, with an id behind it. Both are read over and never
    asked for."""

    trigger: str
    before_name: str
    after_name: str
    after_call: str
    first: str = ""
    between: str = ""
    last: str = ""
    anywhere: bool = True
    parallel: bool = True
    parameters: ParameterSyntax | None = None
    lead: str = ""
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Syntax:
    """calls, thought: None where the family has none. before_text: what stands before an answer's text.
    markers: the control tokens that are part of it, by their text; a tokenizer shows no others."""

    calls: CallSyntax | None = None
    thought: ThoughtSyntax | None = None
    before_text: str = ""
    markers: tuple[str, ...] = ()


PLAIN = Syntax()
