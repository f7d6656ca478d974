"""What a chat template is told beside the messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..tools import Tool


@dataclass(frozen=True, slots=True)
class Extras:
    """tools: those that the model is told of. arguments: the template's own switches (``enable_thinking``)."""

    tools: tuple[Tool, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)

    def tool_bodies(self) -> list[dict[str, object]]:
        """The tools as templates read them, in OpenAI's shape."""
        return [{"type": "function", "function": _function(tool)} for tool in self.tools]


def _function(tool: Tool) -> dict[str, object]:
    described = {} if tool.description is None else {"description": tool.description}
    return {"name": tool.name, **described, "parameters": tool.parameters}
