"""``tools`` of a chat completion, and the deprecated ``functions``: what the client wrote in, Tools out. Source:
API contract, section 6.

::

    {"type": "function", "function": {"name": "f", "description": "...", "parameters": {"type": "object", ...}}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from ..errors import InvalidRequest, UnsupportedParameter
from ..tools import Tool
from .wire import Part

_MOST_TOOLS = 128
# What a function without parameters takes.
_NOTHING: Mapping[str, object] = {"type": "object", "properties": {}}


class FunctionDefinition(Part):
    """strict: arguments are bound either way."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, object] | None = None
    strict: bool | None = None


class FunctionTool(Part):
    type: Literal["function"]
    function: FunctionDefinition


Tools = Annotated[list[FunctionTool], Field(min_length=1, max_length=_MOST_TOOLS)]
Functions = Annotated[list[FunctionDefinition], Field(min_length=1, max_length=_MOST_TOOLS)]


def refuse_custom(given: Mapping[str, object]) -> None:
    """Raises UnsupportedParameter for a tool that is no function, and for a choice of one."""
    tools, choice = given.get("tools"), given.get("tool_choice")
    for place, tool in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(tool, Mapping) and tool.get("type") == "custom":
            raise UnsupportedParameter(
                "Custom tools are not supported by this server; send it as a function.", f"tools[{place}].type"
            )
    if isinstance(choice, Mapping) and choice.get("type") == "custom":
        raise UnsupportedParameter(
            "Custom tools are not supported by this server; choose a function.", "tool_choice.type"
        )


def tools_of(
    tools: Sequence[FunctionTool] | None, functions: Sequence[FunctionDefinition] | None
) -> tuple[Tool, ...]:
    """The tools under either name. Raises InvalidRequest for a name that is given twice."""
    named = [(f"tools[{place}].function", tool.function) for place, tool in enumerate(tools or ())]
    named += [(f"functions[{place}]", function) for place, function in enumerate(functions or ())]
    found: dict[str, Tool] = {}
    for where, one in named:
        if one.name in found:
            raise InvalidRequest(
                f"'{where}.name' is the name of an earlier one; give each function a name of its own.",
                f"{where}.name",
            )
        found[one.name] = Tool(one.name, one.description, _NOTHING if one.parameters is None else one.parameters)
    return tuple(found.values())
