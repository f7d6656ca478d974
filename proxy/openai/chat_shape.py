"""Chat completions on the wire. Source: API contract, sections 3 and 4.

::

    {"index": 0, "message": {"role": "assistant", "content": "Hi", "refusal": null}, "logprobs": null, ...}
    {"index": 0, "delta": {"content": "Hi"}, "logprobs": null, "finish_reason": null}
    {"index": 0, "delta": {"tool_calls": [{"index": 0, "id": "call_forii_...", "type": "function", "function":
        {"name": "f", "arguments": ""}}]}, ...}
    {"index": 0, "delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}, ...}
"""

from __future__ import annotations

from .chunk import CallDelta, Chunk, Message, log_probs_body

_END = b'},"logprobs":null,"finish_reason":null}'


class ChatShape:
    """See Shape."""

    id_prefix = "chatcmpl-forii-"
    whole = "chat.completion"
    chunk = "chat.completion.chunk"
    around_text = (b',"delta":{"content":', _END)
    around_reasoning = (b',"delta":{"reasoning_content":', _END)
    around_arguments = (b',"delta":{"tool_calls":[{"index":%d,"function":{"arguments":', b"}}]" + _END)

    def change(self, chunk: Chunk) -> dict[str, object]:
        delta: dict[str, object] = {}
        if chunk.role:
            delta["role"] = "assistant"
        if chunk.role or chunk.content is not None:
            delta["content"] = chunk.content
        if chunk.reasoning is not None:
            delta["reasoning_content"] = chunk.reasoning
        if chunk.call is not None:
            delta |= self._call_delta(chunk.call)
        return {
            "index": chunk.index,
            "delta": delta,
            "logprobs": log_probs_body(chunk.log_probs) if chunk.log_probs else None,
            "finish_reason": self._reason(chunk.finish_reason),
        }

    def choice(self, index: int, message: Message) -> dict[str, object]:
        body: dict[str, object] = {"role": "assistant", "content": message.content, "refusal": None}
        if message.reasoning:
            body["reasoning_content"] = message.reasoning
        if message.calls:
            body |= self._calls(message.calls)
        return {
            "index": index,
            "message": body,
            "logprobs": None if message.log_probs is None else log_probs_body(message.log_probs),
            "finish_reason": self._reason(message.finish_reason),
        }

    def _call_delta(self, call: CallDelta) -> dict[str, object]:
        if call.id is None:
            return {"tool_calls": [{"index": call.index, "function": {"arguments": call.arguments}}]}
        return {"tool_calls": [{"index": call.index, **_call(call)}]}

    def _calls(self, calls: tuple[CallDelta, ...]) -> dict[str, object]:
        return {"tool_calls": [_call(call) for call in calls]}

    def _reason(self, finish: str | None) -> str | None:
        return finish


class FunctionCallShape(ChatShape):
    """For requests with the deprecated ``functions``: the one call of an answer is a ``function_call``, without an
    id."""

    around_arguments = (b',"delta":{"function_call":{"arguments":', b"}" + _END)

    def _call_delta(self, call: CallDelta) -> dict[str, object]:
        named = {} if call.name is None else {"name": call.name}
        return {"function_call": {**named, "arguments": call.arguments}}

    def _calls(self, calls: tuple[CallDelta, ...]) -> dict[str, object]:
        return {"function_call": _function(calls[0])}

    def _reason(self, finish: str | None) -> str | None:
        return "function_call" if finish == "tool_calls" else finish


def _call(call: CallDelta) -> dict[str, object]:
    return {"id": call.id, "type": "function", "function": _function(call)}


def _function(call: CallDelta) -> dict[str, object]:
    return {"name": call.name, "arguments": call.arguments}


CHAT = ChatShape()
FUNCTION_CALL = FunctionCallShape()
