"""The messages of a request: OpenAI's shapes in, the dictionaries that chat templates read out.

``{"role": "user", "content": [{"type": "text", "text": "Hi"}]}`` becomes
``{"role": "user", "content": "Hi"}``. Source: API contract, section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import orjson
from pydantic import Discriminator, Field, Tag

from ..errors import InvalidRequest, UnsupportedContent
from .wire import Part

TemplateMessage = dict[str, object]

# What the ids of calls begin with that the deprecated ``function_call`` made.
_FUNCTION_CALL = "call_forii_function"


class TextPart(Part):
    type: Literal["text"]
    text: str


class RefusalPart(Part):
    type: Literal["refusal"]
    refusal: str


class OtherPart(Part):
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


class FunctionCall(Part):
    name: str
    arguments: str


class ToolCall(Part):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class SystemMessage(Part):
    role: Literal["system", "developer"]
    content: Content
    name: str | None = None


class UserMessage(Part):
    role: Literal["user"]
    content: Content
    name: str | None = None


class AssistantMessage(Part):
    role: Literal["assistant"]
    content: Content | None = None
    name: str | None = None
    tool_calls: list[ToolCall] | None = None
    function_call: FunctionCall | None = None
    reasoning_content: str | None = None


class ToolMessage(Part):
    role: Literal["tool"]
    content: Content
    tool_call_id: str


class FunctionMessage(Part):
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
    ``system``, tool-call arguments as objects, a deprecated function's call and result as a tool's.

    Raises UnsupportedContent for parts that are no text, InvalidRequest for an assistant message with neither
    content nor calls, for arguments that are no JSON object, and for a tool message that answers no call.
    """
    calls = _Calls()
    rendered = []
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if isinstance(message, AssistantMessage):
            rendered.append(_assistant(message, index))
            calls.made(rendered[-1])
            continue
        role = "system" if message.role == "developer" else message.role
        one: TemplateMessage = {"role": role, "content": _text(message.content, where)}
        if isinstance(message, ToolMessage):
            one |= {"tool_call_id": message.tool_call_id, "name": calls.name(message.tool_call_id, where)}
        elif isinstance(message, FunctionMessage):
            one |= calls.answered(message.name)
        elif message.name is not None:
            one["name"] = message.name
        rendered.append(one)
    return rendered


class _Calls:
    """The calls that were made so far."""

    def __init__(self) -> None:
        self._names: dict[object, object] = {}
        # Of the deprecated kind, which have no id: function to call.
        self._functions: dict[object, object] = {}

    def made(self, message: TemplateMessage) -> None:
        """An assistant's message."""
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._names[call["id"]] = call["function"]["name"]
            if str(call["id"]).startswith(_FUNCTION_CALL):
                self._functions[call["function"]["name"]] = call["id"]

    def name(self, call: str, where: str) -> object:
        """The function of a call. where: the message that answers it. Raises InvalidRequest for an unknown one."""
        if call not in self._names:
            raise InvalidRequest(
                f"{where} answers a tool call that no earlier assistant message made; put the assistant "
                "message with that call before it.",
                f"{where}.tool_call_id",
            )
        return self._names[call]

    def answered(self, function: str) -> TemplateMessage:
        """What makes a function's result a tool's, where its call is known."""
        call = self._functions.pop(function, None)
        return {"name": function} if call is None else {"role": "tool", "tool_call_id": call, "name": function}


def _assistant(message: AssistantMessage, index: int) -> TemplateMessage:
    where = f"messages[{index}]"
    calls = [_call(call, f"{where}.tool_calls[{number}]") for number, call in enumerate(message.tool_calls or ())]
    if message.function_call is not None:
        call = ToolCall(id=f"{_FUNCTION_CALL}{index}", function=message.function_call)
        calls.append(_call(call, f"{where}.function_call", "arguments"))
    if message.content is None and not calls:
        raise InvalidRequest(
            f"{where}.content must be a string or an array of text parts: only an assistant message with "
            "tool_calls may leave it out.",
            f"{where}.content",
        )
    content = "" if message.content is None else _text(message.content, where)
    one: TemplateMessage = {"role": "assistant", "content": content}
    if message.name is not None:
        one["name"] = message.name
    if message.reasoning_content:
        one["reasoning_content"] = message.reasoning_content
    if calls:
        one["tool_calls"] = calls
    return one


def _call(call: ToolCall, where: str, field: str = "function.arguments") -> dict[str, object]:
    """field: of the arguments, below where."""
    try:
        # Unlike json, it takes no lone surrogates, which no tokenizer reads.
        arguments = orjson.loads(call.function.arguments)
    except orjson.JSONDecodeError:
        arguments = None
    if not isinstance(arguments, dict):
        raise InvalidRequest(f"{where}.{field} must be a JSON object written as a string.", f"{where}.{field}")
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
