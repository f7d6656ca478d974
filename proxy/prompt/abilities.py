"""What a chat template can be told, found out by rendering small conversations with it when its model is loaded.

Templates differ in what they know of tools, and what they cannot take they refuse, drop or print in a way that no
model was taught. Whoever gives them a history (``history.py``) gives them what they can take.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidRequest

Message = Mapping[str, object]
# Messages and tools in, the rendered prompt out. Raises InvalidRequest.
Render = Callable[[Sequence[Message], Sequence[Mapping[str, object]]], str]

# Nothing that a template writes by itself.
_QUESTION, _TEXT, _THOUGHT, _FUNCTION, _TOOL = "qprobe", "tprobe", "hprobe", "fprobe", "oprobe"
_KEY, _VALUE, _RESULTS = "kprobe", "vprobe", ("r1probe", "r2probe")
_IDS = ("call_forii_0123456789abcdef01234567", "call_forii_1123456789abcdef01234567")
# All that Mistral's take.
_SHORT_IDS = ("abcdefgh1", "abcdefgh2")
# Where templates read a thought; gpt-oss has the second, which transformers fills from the first of late.
_THOUGHT_NAMES = ("reasoning_content", "thinking")
# How arguments look that were printed as a dict, escaped for HTML, or encoded twice.
_SPOILED = (f"'{_KEY}'", "&#34;", "&quot;", f'\\"{_KEY}')


@dataclass(frozen=True, slots=True)
class Abilities:
    """tools: it lists the tools. calls: it writes the calls of an assistant's message, and then: short_ids: only
    with ids of nine letters and digits; text_arguments: with arguments as JSON text, not as objects; null_content:
    only where content is null; many_calls: more than one in a message; text_beside_calls: with content too;
    thought: the field in which it reads a thought before them, if any; thought_beside_text: with content too.
    results: it writes tool messages. system: it takes a system message. repeated_user: two user messages in a
    row; after_result: a user message right behind a result.
    """

    tools: bool = False
    calls: bool = False
    short_ids: bool = False
    text_arguments: bool = False
    null_content: bool = False
    many_calls: bool = True
    text_beside_calls: bool = True
    thought: str | None = None
    thought_beside_text: bool = False
    results: bool = False
    system: bool = True
    repeated_user: bool = True
    after_result: bool = True


@dataclass(frozen=True, slots=True)
class _Form:
    """How calls are told."""

    short_ids: bool
    text_arguments: bool
    null_content: bool

    def call(self, place: int) -> Message:
        arguments = f'{{"{_KEY}": "{_VALUE}"}}' if self.text_arguments else {_KEY: _VALUE}
        function = {"name": _FUNCTION, "arguments": arguments}
        return {"id": self._id(place), "type": "function", "function": function}

    def calls(self, count: int, **fields: object) -> list[Message]:
        """A question, so many calls, their results."""
        content = None if self.null_content else ""
        calls = [self.call(place) for place in range(count)]
        results: list[Message] = [
            {"role": "tool", "tool_call_id": self._id(place), "name": _FUNCTION, "content": _RESULTS[place]}
            for place in range(count)
        ]
        return [_user(), {"role": "assistant", "content": content, "tool_calls": calls, **fields}, *results]

    def _id(self, place: int) -> str:
        return _SHORT_IDS[place] if self.short_ids else _IDS[place]


_FORMS = [_Form(*flags) for flags in itertools.product((False, True), repeat=3)]


def find_abilities(render: Render) -> Abilities:
    """render: of the template."""
    see = _Sight(render)
    system = _TEXT in see([{"role": "system", "content": _TEXT}, _user()])
    repeated = see([_user(), _user()]).count(_QUESTION) == 2
    tools = _TOOL in see([_user()], _tools())
    written = [form for form in _FORMS if see.writes(form, 1)]
    if not written:
        return Abilities(tools=tools, system=system, repeated_user=repeated)
    form = next((form for form in written if see.writes(form, 2)), written[0])
    many = see.writes(form, 2)
    with_text = see.writes(form, 1, content=_TEXT)
    thoughts = (name for name in _THOUGHT_NAMES if _THOUGHT in see(form.calls(1, **{name: _THOUGHT}), _tools()))
    thought = next(thoughts, None)
    both = thought is not None and with_text and see.writes(form, 1, **{thought: _THOUGHT, "content": _TEXT})
    results = see(form.calls(1))
    return Abilities(
        tools=tools,
        calls=True,
        short_ids=form.short_ids,
        text_arguments=form.text_arguments,
        null_content=form.null_content,
        many_calls=many,
        text_beside_calls=with_text,
        thought=thought,
        thought_beside_text=both,
        results=_RESULTS[0] in results,
        system=system,
        repeated_user=repeated,
        after_result=bool(see([*form.calls(1), _user()])),
    )


class _Sight:
    """What a template makes of a conversation; nothing where it refuses it."""

    def __init__(self, render: Render) -> None:
        self._render = render

    def __call__(self, messages: Sequence[Message], tools: Sequence[Mapping[str, object]] = ()) -> str:
        try:
            return self._render(messages, tools)
        except InvalidRequest:
            return ""

    def writes(self, form: _Form, count: int, **fields: object) -> bool:
        """Whether so many calls are all there, and none of them spoiled."""
        text = self(form.calls(count, **fields), _tools())
        whole = all(text.count(part) >= count for part in (_FUNCTION, _KEY, _VALUE))
        return whole and not any(spoiled in text for spoiled in _SPOILED)


def _user() -> Message:
    return {"role": "user", "content": _QUESTION}


def _tools() -> list[Mapping[str, object]]:
    parameters = {"type": "object", "properties": {"p": {"type": "string", "description": "d"}}, "required": ["p"]}
    return [
        {"type": "function", "function": {"name": _TOOL, "description": "d", "parameters": parameters}},
    ]
