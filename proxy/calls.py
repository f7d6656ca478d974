"""Calls that were made, and their text as the model's family writes it: what a parser reads back, and what a
history is rendered with where the template has no place for calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from .syntax import CallSyntax, ParameterSyntax
from .tools import Tool


@dataclass(frozen=True, slots=True)
class Call:
    """arguments: the JSON text of an object."""

    name: str
    arguments: str


def write_calls(calls: Sequence[Call], syntax: CallSyntax, tools: Sequence[Tool] = ()) -> str:
    """The calls, at least one, as a model writes them, after its text if any. tools: say which parameters are
    strings; those of a function that is none of them are if their values are. Raises ValueError for arguments that
    are no JSON where the family needs to look into them."""
    texts = {tool.name: tool.texts for tool in tools}
    written = [
        "".join(
            (
                syntax.before_name,
                call.name,
                syntax.after_name,
                _arguments(call, syntax.parameters, texts.get(call.name)),
                syntax.after_call,
            )
        )
        for call in calls
    ]
    return "".join((syntax.trigger, syntax.first, syntax.between.join(written), syntax.last))


def _arguments(call: Call, syntax: ParameterSyntax | None, texts: frozenset[str] | None) -> str:
    if syntax is None:
        return call.arguments
    values = json.loads(call.arguments)
    if not isinstance(values, dict):
        raise ValueError(f"the arguments of {call.name} are no JSON object")
    return "".join(
        f"{syntax.before_name}{name}{syntax.after_name}{_value(value, texts is None or name in texts)}"
        f"{syntax.after_value}"
        for name, value in values.items()
    )


def _value(value: object, text: bool) -> str:
    return value if text and isinstance(value, str) else json.dumps(value, ensure_ascii=False)
