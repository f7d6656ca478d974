"""``tool_choice`` and what goes with it: the client's words in, a ToolUse out. Source: API contract, section 6.

::

    "none" | "auto" | "required"
    {"type": "function", "function": {"name": "f"}}    or    {"type": "function", "name": "f"}
    {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "function", ...}]}}
    {"type": "allowed_tools", "mode": "required", "tools": [...]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from ..errors import InvalidRequest, MissingParameter
from ..tools import MOST_CALLS, Tool, ToolUse
from .wire import Part

Word = Literal["none", "auto", "required"]
Mode = Literal["auto", "required"]


class FunctionName(Part):
    name: str


class NamedFunction(Part):
    """One function, by either shape."""

    type: Literal["function"]
    name: str | None = None
    function: FunctionName | None = None


NamedFunctions = Annotated[list[NamedFunction], Field(min_length=1)]


class AllowedTools(Part):
    mode: Mode
    tools: NamedFunctions


class AllowedToolsChoice(Part):
    """Some of the tools, by either shape."""

    type: Literal["allowed_tools"]
    allowed_tools: AllowedTools | None = None
    mode: Mode | None = None
    tools: NamedFunctions | None = None


def _choice_tag(value: object) -> str:
    # Names that are no field's: an error's place has them in it.
    if not isinstance(value, dict):
        return "word"
    return "some of them" if value.get("type") == "allowed_tools" else "one of them"


ToolChoice = Annotated[
    Annotated[Word, Tag("word")]
    | Annotated[NamedFunction, Tag("one of them")]
    | Annotated[AllowedToolsChoice, Tag("some of them")],
    Discriminator(_choice_tag),
]


def _call_tag(value: object) -> str:
    return "one of them" if isinstance(value, dict) else "word"


# ``function_call``, deprecated.
FunctionCallChoice = Annotated[
    Annotated[Literal["none", "auto"], Tag("word")] | Annotated[FunctionName, Tag("one of them")],
    Discriminator(_call_tag),
]


def tool_use(
    tools: Sequence[Tool], choice: Word | NamedFunction | AllowedToolsChoice | None, *, parallel: bool
) -> ToolUse:
    """Which of the tools may be called, and how often. Raises InvalidRequest for a choice of a tool that is not
    given, MissingParameter for one without a name."""
    told = tuple(tools)
    most = MOST_CALLS if parallel else 1
    if isinstance(choice, NamedFunction):
        return ToolUse(told, (_chosen(told, choice, "tool_choice"),), 1, 1)
    if isinstance(choice, AllowedToolsChoice):
        mode, names, where = _allowed(choice)
        some = {_chosen(told, name, f"{where}.tools[{place}]").name for place, name in enumerate(names)}
        allowed = tuple(tool for tool in told if tool.name in some)
        return ToolUse(told, allowed, int(mode == "required"), most)
    if choice == "none":
        return ToolUse(told, (), 0, 0)
    return ToolUse(told, told, int(choice == "required"), most)


def function_use(functions: Sequence[Tool], choice: Literal["none", "auto"] | FunctionName | None) -> ToolUse:
    """As ``tool_use``, for the deprecated words: one call at most."""
    if isinstance(choice, FunctionName):
        named = NamedFunction(type="function", name=choice.name)
        return ToolUse(tuple(functions), (_chosen(functions, named, "function_call"),), 1, 1)
    return tool_use(functions, choice, parallel=False)


def _allowed(choice: AllowedToolsChoice) -> tuple[Mode, list[NamedFunction], str]:
    """Mode and tools, and where they stand."""
    if choice.allowed_tools is not None:
        return choice.allowed_tools.mode, choice.allowed_tools.tools, "tool_choice.allowed_tools"
    if choice.mode is not None and choice.tools is not None:
        return choice.mode, choice.tools, "tool_choice"
    # A flat choice that has one of the two lacks the other.
    flat = choice.mode is not None or choice.tools is not None
    missing = "allowed_tools" if not flat else "tools" if choice.tools is None else "mode"
    param = f"tool_choice.{missing}"
    raise MissingParameter(f"{param!r} is required; add it to the request.", param)


def _chosen(tools: Sequence[Tool], named: NamedFunction, where: str) -> Tool:
    """The tool of that name. where: the place of the name's object."""
    name, param = named.name, f"{where}.name"
    if named.function is not None:
        name, param = named.function.name, f"{where}.function.name"
    if name is None:
        raise MissingParameter(f"{param!r} is required; name one of the tools.", param)
    by_name: Mapping[str, Tool] = {tool.name: tool for tool in tools}
    if name not in by_name:
        raise InvalidRequest(f"{param!r} names no tool of this request; choose one of them.", param)
    return by_name[name]
