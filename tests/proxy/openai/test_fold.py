"""The fold of the chunks against what the official client makes of the same answer's stream."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.events import Content, Done, Event, LogProb
from proxy.openai.chunk import Chunk, ChunkWriter, Head, Usage
from proxy.openai.completion import Completion
from proxy.openai.sse import SseEncoder, UsageMode

USAGE = Usage(prompt=7, completion=5, cached=3)
entries = st.builds(LogProb, st.text(max_size=3), st.binary(max_size=3), st.floats(-100, 0))
pieces = st.lists(st.tuples(st.text(max_size=5), st.lists(entries, max_size=2).map(tuple)), max_size=5)
samples = st.lists(st.tuples(pieces, st.sampled_from(["stop", "length"])), min_size=1, max_size=3)


def head(*, log_probs: bool) -> Head:
    return Head("chatcmpl-forii-0", 1, "forii/bytes", "fp_0123456789ab", log_probs)


def written(answers: list[list[Event]], order: list[int]) -> list[Chunk]:
    """The chunks of n samples, an event at a time in the order given, then what is left; usage with the last."""
    writer = ChunkWriter(len(answers))
    waiting = [list(answer) for answer in answers]
    rest = [index for index, answer in enumerate(answers) for _ in answer]
    chunks = []
    for index in [*order, *rest]:
        if index < len(answers) and waiting[index]:
            event = waiting[index].pop(0)
            chunks += writer.write(index, event, None if any(waiting) else USAGE)
    return chunks


def accumulated(chunks: list[Chunk], the_head: Head, mode: UsageMode) -> ChatCompletion:
    """What openai-python collects from the stream's bytes."""
    encoder, state = SseEncoder(the_head, mode), ChatCompletionStreamState()
    for event in b"".join(encoder.encode(chunk) for chunk in chunks).split(b"\n\n")[:-1]:
        data = json.loads(event.removeprefix(b"data: "))
        state.handle_chunk(ChatCompletionChunk.model_validate(data))
    return state.current_completion_snapshot


@pytest.mark.parametrize("mode", ["inline", "separate", "none"])
@settings(deadline=None, max_examples=60)
@given(answers=samples, order=st.lists(st.integers(0, 2), max_size=20), log_probs=st.booleans())
def test_the_whole_answer_is_what_the_client_collects_from_the_stream(
    mode: UsageMode,
    answers: list[tuple[list[tuple[str, tuple[LogProb, ...]]], str]],
    order: list[int],
    log_probs: bool,
) -> None:
    played: list[list[Event]] = [
        [
            *(Content(text, probs if log_probs else ()) for text, probs in parts),
            Done("stop" if end == "stop" else "length"),
        ]
        for parts, end in answers
    ]
    the_head = head(log_probs=log_probs)
    chunks = written(played, order)
    completion = Completion(the_head)
    completion.fold(chunks)
    whole = ChatCompletion.model_validate(completion.finish()[0])
    streamed = accumulated(chunks, the_head, mode)
    assert (streamed.id, streamed.created, streamed.model) == (whole.id, whole.created, whole.model)
    assert streamed.system_fingerprint == whole.system_fingerprint
    assert streamed.usage == (None if mode == "none" else whole.usage)
    ordered = sorted(streamed.choices, key=lambda choice: choice.index)
    for theirs, ours in zip(ordered, whole.choices, strict=True):
        assert (theirs.index, theirs.finish_reason) == (ours.index, ours.finish_reason)
        assert theirs.message.role == ours.message.role
        assert theirs.message.content == ours.message.content
        their_probs = (theirs.logprobs.content if theirs.logprobs else None) or []
        our_probs = (ours.logprobs.content if ours.logprobs else None) or []
        assert [probs.model_dump() for probs in their_probs] == [probs.model_dump() for probs in our_probs]


def test_a_fold_is_not_whole_before_its_last_chunk() -> None:
    completion = Completion(head(log_probs=False))
    completion.fold(ChunkWriter(1).write(0, Content("a")))
    with pytest.raises(AssertionError, match="last chunk"):
        completion.finish()
