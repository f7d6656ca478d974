"""The messages of a request: OpenAI's shapes in, the dictionaries that chat templates read out.

``{"role": "user", "content": [{"type": "text", "text": "Hi"}]}`` becomes
``{"role": "user", "content": "Hi"}``. Source: API contract, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from ..errors import InvalidRequest, UnsupportedContent

TemplateMessage = dict[str, object]


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class TextPart(_Wire):
    type: Literal["text"]
    text: str


class RefusalPart(_Wire):
    type: Literal["refusal"]
    refusal: str


class OtherPart(_Wire):
    """An image, audio or file part: well formed, but nothing a text model can read."""

    type: str


def _part_tag(value: object) -> str:
    kind = value.get("type") if isinstance(value, dict) else None
    return kind if kind in ("text", "refusal") else "other"


ContentPart = Annotated[
    Annotated[TextPart, Tag("text")] | Annotated[RefusalPart, Tag("refusal")] | Annotated[OtherPart, Tag("other")],
    Discriminator(_part_tag),
]


def _content_tag(value: object) -> str:
    return "parts" if isinstance(value, list) else "string"


Content = Annotated[
    Annotated[str, Tag("string")] | Annotated[list[ContentPart], Field(min_length=1), Tag("parts")],
    Discriminator(_content_tag),
]


class FunctionCall(_Wire):
    name: str
    arguments: str


class ToolCall(_Wire):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class SystemMessage(_Wire):
    role: Literal["system", "developer"]
    content: Content
    name: str | None = None


class UserMessage(_Wire):
    role: Literal["user"]
    content: Content
    name: str | None = None


class AssistantMessage(_Wire):
    role: Literal["assistant"]
    content: Content | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None


class ToolMessage(_Wire):
    role: Literal["tool"]
    content: Content
    tool_call_id: str


class FunctionMessage(_Wire):
    """Deprecated by OpenAI in favour of ToolMessage."""

    role: Literal["function"]
    content: Content
    name: str


Message = Annotated[
    SystemMessage | UserMessage | AssistantMessage | ToolMessage | FunctionMessage,
    Field(discriminator="role"),
]


def template_messages(messages: Sequence[Message]) -> list[TemplateMessage]:
    """What a chat template reads: ``content`` a string, parts joined by a newline, ``developer`` a
    ``system``, tool-call arguments as objects.

    Raises UnsupportedContent for parts that are no text, InvalidRequest for an assistant message with neither
    content nor calls, for arguments that are no JSON object, and for a tool message that answers no call.
    """
    calls: set[str] = set()
    rendered = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if isinstance(message, AssistantMessage):
            rendered.append(_assistant(message, where))
            calls.update(call.id for call in message.tool_calls or ())
            continue
        role = "system" if message.role == "developer" else message.role
        one: TemplateMessage = {"role": role, "content": _text(message.content, where)}
        if isinstance(message, ToolMessage):
            if message.tool_call_id not in calls:
                raise InvalidRequest(
                    f"{where} answers a tool call that no earlier assistant message made; put the assistant "
                    "message with that call before it.",
                    f"{where}.tool_call_id",
                )
            one["tool_call_id"] = message.tool_call_id
        elif message.name is not None:
            one["name"] = message.name
        rendered.append(one)
    return rendered


def _assistant(message: AssistantMessage, where: str) -> TemplateMessage:
    if message.content is None and not message.tool_calls:
        raise InvalidRequest(
            f"{where}.content must be a string or an array of text parts: only an assistant message with "
            "tool_calls may leave it out.",
            f"{where}.content",
        )
    content = "" if message.content is None else _text(message.content, where)
    one: TemplateMessage = {"role": "assistant", "content": content}
    if message.name is not None:
        one["name"] = message.name
    if message.tool_calls:
        one["tool_calls"] = [
            _call(call, f"{where}.tool_calls[{number}]") for number, call in enumerate(message.tool_calls)
        ]
    return one


def _call(call: ToolCall, where: str) -> dict[str, object]:
    try:
        # Unlike json, it takes no lone surrogates, which no tokenizer reads.
        arguments = orjson.loads(call.function.arguments)
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest(
            f"{where}.function.arguments must be a JSON object written as a string.",
            f"{where}.function.arguments",
        )
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.function.name, "arguments": arguments},
    }


def _text(content: str | list[TextPart | RefusalPart | OtherPart], where: str) -> str:
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content):
        if isinstance(part, OtherPart):
            raise UnsupportedContent(
                f"This model reads text only; remove the {part.type[:32]!r} part or send its text instead.",
                f"{where}.content[{index}]",
            )
        texts.append(part.text if isinstance(part, TextPart) else part.refusal)
    return "\n".join(texts)
