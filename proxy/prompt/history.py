"""A conversation with calls and results in, one that the model's chat template can take out.

::

    template writes calls:   {"role": "assistant", "content": "", "tool_calls": [...]}  {"role": "tool", ...}
    it does not:             {"role": "assistant", "content": "<tool_call>\\n{...}\\n</tool_call>"}
                             {"role": "user", "content": "<tool_response>\\n...\\n</tool_response>"}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from ..calls import Call, write_calls
from ..syntax import CallSyntax
from .abilities import Abilities, Message
from .preamble import RESULT, RESULT_END, preamble

Tools = Sequence[Mapping[str, object]]
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHORT = 9  # characters of Mistral's ids


class History:
    """abilities: of the template. syntax: how the model writes calls; None: not at all, and then what the template
    cannot take is left as it is."""

    def __init__(self, abilities: Abilities, syntax: CallSyntax | None) -> None:
        self._abilities = abilities
        self._syntax = syntax

    def told(self, messages: Sequence[Message], tools: Tools) -> tuple[list[Message], Tools]:
        """The messages and tools that the template gets."""
        can = self._abilities
        found: list[Message] = []
        for group in _groups(messages):
            found += self._group(group)
        if not can.repeated_user:
            found = _merged(found)
        if not can.after_result:
            found = _answered(found)
        if tools and not can.tools and self._syntax is not None:
            found, tools = _instructed(found, preamble(tools, self._syntax), system=can.system), ()
        return found, tools

    def _group(self, group: list[Message]) -> list[Message]:
        """An assistant's message with its results in the order of its calls, or any other message."""
        message, *results = group
        calls = message.get("tool_calls")
        if not isinstance(calls, list) or not calls:
            return self._results(group) if message["role"] == "tool" else group
        if not self._abilities.calls:
            if self._syntax is None:
                return group
            return [_written(message, calls, self._syntax), *self._results(results)]
        if self._abilities.many_calls or len(calls) == 1:
            return [self._calling(message, calls), *self._results(results)]
        found: list[Message] = []
        for place, call in enumerate(calls):
            # What stands before the calls stands before the first.
            own_part = message if place == 0 else {"role": message["role"], "content": ""}
            found.append(self._calling(own_part, [call]))
            own = [one for one in results if one.get("tool_call_id") == call.get("id")]
            results = [one for one in results if one not in own]
            found += self._results(own)
        return found + self._results(results)

    def _calling(self, message: Message, calls: Sequence[Mapping[str, object]]) -> Message:
        """The message with these of its calls."""
        can = self._abilities
        changed = {**message, "tool_calls": [self._call(call) for call in calls]}
        if changed.get("content") and not can.text_beside_calls:
            changed["content"] = ""
        if not changed.get("content") and can.null_content:
            changed["content"] = None
        thought = changed.pop("reasoning_content", None)
        if thought and can.thought is not None and (can.thought_beside_text or not changed["content"]):
            changed[can.thought] = thought
        return changed

    def _call(self, call: Mapping[str, object]) -> Mapping[str, object]:
        changed, function = dict(call), call["function"]
        if self._abilities.short_ids:
            changed["id"] = _short(call.get("id"))
        if self._abilities.text_arguments and isinstance(function, Mapping):
            changed["function"] = {**function, "arguments": _json(function["arguments"])}
        return changed

    def _results(self, results: Sequence[Message]) -> list[Message]:
        """A run of results; in a user's words where the template has none for them."""
        if not results or self._syntax is None or self._abilities.results:
            if not self._abilities.short_ids:
                return list(results)
            return [{**result, "tool_call_id": _short(result.get("tool_call_id"))} for result in results]
        texts = [f"{RESULT}\n{result['content']}\n{RESULT_END}" for result in results]
        return [{"role": "user", "content": "\n".join(texts)}]


def _groups(messages: Sequence[Message]) -> list[list[Message]]:
    """The messages, an assistant's together with the results that follow it, in the order of its calls."""
    groups: list[list[Message]] = []
    for message in messages:
        before = groups[-1][0] if groups else message
        if message["role"] == "tool" and groups and (before["role"] == "tool" or before.get("tool_calls")):
            groups[-1].append(message)
        else:
            groups.append([message])
    for group in groups:
        calls = group[0].get("tool_calls")
        if isinstance(calls, list):
            order = {call.get("id"): place for place, call in enumerate(calls)}
            group[1:] = sorted(group[1:], key=lambda one: order.get(one.get("tool_call_id"), len(order)))
    return groups


def _written(message: Message, calls: Sequence[Mapping[str, object]], syntax: CallSyntax) -> Message:
    """An assistant's message with its calls as text."""
    made = []
    for call in calls:
        function = call["function"]
        assert isinstance(function, Mapping)
        made.append(Call(str(function["name"]), _json(function["arguments"])))
    texts = [str(message.get("content") or ""), write_calls(made, syntax)]
    changed = {**message, "content": "\n".join(text for text in texts if text)}
    del changed["tool_calls"]
    return changed


def _merged(messages: Sequence[Message]) -> list[Message]:
    """Users' messages in a row as one."""
    found: list[Message] = []
    for message in messages:
        if found and message["role"] == found[-1]["role"] == "user":
            found[-1] = {**found[-1], "content": f"{found[-1]['content']}\n\n{message['content']}"}
        else:
            found.append(message)
    return found


def _answered(messages: Sequence[Message]) -> list[Message]:
    """With an empty answer between a result and a question."""
    found: list[Message] = []
    for message in messages:
        if found and found[-1]["role"] == "tool" and message["role"] == "user":
            found.append({"role": "assistant", "content": ""})
        found.append(message)
    return found


def _instructed(messages: Sequence[Message], words: str, *, system: bool) -> list[Message]:
    """With the words in the system message, or else in the first of all."""
    first = messages[0]
    if first["role"] == "system" or not system:
        parts = [str(first["content"]), words] if first["role"] == "system" else [words, str(first["content"])]
        return [{**first, "content": "\n\n".join(part for part in parts if part)}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _short(identity: object) -> str:
    """The same nine letters and digits for the same id; one that is of them already stays."""
    text = str(identity)
    if len(text) == _SHORT and text.isascii() and text.isalnum():
        return text
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    digits = []
    for _ in range(_SHORT):
        number, digit = divmod(number, len(_BASE36))
        digits.append(_BASE36[digit])
    return "".join(digits)


def _json(arguments: object) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
