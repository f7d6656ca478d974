"""The fold of the chunks against what the official client makes of the same answer's stream."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.events import Content, Done, Event, Finish, LogProb, Reasoning, ToolArguments, ToolStart
from proxy.openai.chat_shape import CHAT, FUNCTION_CALL
from proxy.openai.chunk import Chunk, ChunkWriter, Head, Shape, Usage
from proxy.openai.completion import Completion
from proxy.openai.sse import SseEncoder, UsageMode

USAGE = Usage(prompt=7, completion=5, cached=3, reasoning=2)
entries = st.builds(LogProb, st.text(max_size=3), st.binary(max_size=3), st.floats(-100, 0))
pieces = st.lists(st.tuples(st.text(max_size=5), st.lists(entries, max_size=2).map(tuple)), max_size=4)
finishes: st.SearchStrategy[Finish] = st.sampled_from(["stop", "length", "tool_calls"])
NAMES = st.sampled_from(["f", "get_weather", "a-b"])


@st.composite
def samples(draw: st.DrawFn, *, most_calls: int) -> list[Event]:
    """One sample, in the order that events have: a thought, text, calls."""
    found: list[Event] = [Reasoning(text) for text in draw(st.lists(st.text(max_size=4), max_size=2))]
    found += [Content(text, probs) for text, probs in draw(pieces)]
    for index in range(draw(st.integers(0, most_calls))):
        found.append(ToolStart(index, draw(NAMES)))
        found += [ToolArguments(index, text) for text in draw(st.lists(st.text(max_size=4), max_size=3))]
    finish: Finish = draw(finishes)
    return [*found, Done(finish)]


def head(*, log_probs: bool, shape: Shape = CHAT) -> Head:
    return Head("chatcmpl-forii-0", 1, "forii/100%d", "fp_0123456789ab", log_probs, shape)


def written(answers: list[list[Event]], order: list[int], *, calls: bool) -> list[Chunk]:
    """The chunks of n samples, an event at a time in the order given, then what is left; usage with the last."""
    writer = ChunkWriter(len(answers), calls=calls)
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


def folded(chunks: list[Chunk], the_head: Head) -> ChatCompletion:
    completion = Completion(the_head)
    completion.fold(chunks)
    return ChatCompletion.model_validate(completion.finish()[0])


def check_same(streamed: ChatCompletion, whole: ChatCompletion) -> None:
    assert (streamed.id, streamed.created, streamed.model) == (whole.id, whole.created, whole.model)
    assert streamed.system_fingerprint == whole.system_fingerprint
    ordered = sorted(streamed.choices, key=lambda choice: choice.index)
    assert ordered == streamed.choices
    for theirs, ours in zip(ordered, whole.choices, strict=True):
        assert (theirs.index, theirs.finish_reason) == (ours.index, ours.finish_reason)
        assert theirs.message.role == ours.message.role
        assert theirs.message.content == ours.message.content
        assert _thought(theirs.message) == _thought(ours.message)
        # The accumulator has added the places of the calls.
        their_calls = [
            {name: value for name, value in call.model_dump(exclude_none=True).items() if name != "index"}
            for call in theirs.message.tool_calls or ()
        ]
        assert their_calls == [call.model_dump(exclude_none=True) for call in ours.message.tool_calls or ()]
        assert theirs.message.function_call == ours.message.function_call
        their_probs = (theirs.logprobs.content if theirs.logprobs else None) or []
        our_probs = (ours.logprobs.content if ours.logprobs else None) or []
        assert [probs.model_dump() for probs in their_probs] == [probs.model_dump() for probs in our_probs]


def _thought(message: object) -> object:
    """Empty where there is none: the client's types know nothing of it."""
    return getattr(message, "reasoning_content", None) or ""


@pytest.mark.parametrize("mode", ["inline", "separate", "none"])
@settings(deadline=None, max_examples=100)
@given(
    answers=st.lists(samples(most_calls=3), min_size=1, max_size=3),
    order=st.lists(st.integers(0, 2), max_size=20),
    log_probs=st.booleans(),
)
def test_the_whole_answer_is_what_the_client_collects_from_the_stream(
    mode: UsageMode, answers: list[list[Event]], order: list[int], log_probs: bool
) -> None:
    the_head = head(log_probs=log_probs)
    if not log_probs:
        answers = [
            [Content(event.text) if isinstance(event, Content) else event for event in events]
            for events in answers
        ]
    chunks = written(answers, order, calls=True)
    assert [chunk.usage for chunk in chunks if chunk.usage] == [USAGE]
    assert chunks[-1].usage == USAGE
    whole, streamed = folded(chunks, the_head), accumulated(chunks, the_head, mode)
    assert streamed.usage == (None if mode == "none" else whole.usage)
    check_same(streamed, whole)


@settings(deadline=None, max_examples=50)
@given(
    answers=st.lists(samples(most_calls=0), min_size=1, max_size=3), order=st.lists(st.integers(0, 2), max_size=20)
)
def test_without_tools_all_choices_begin_with_empty_text(answers: list[list[Event]], order: list[int]) -> None:
    the_head = head(log_probs=True)
    chunks = written(answers, order, calls=False)
    assert [(chunk.index, chunk.content) for chunk in chunks[: len(answers)]] == [
        (index, "") for index in range(len(answers))
    ]
    whole = folded(chunks, the_head)
    check_same(accumulated(chunks, the_head, "inline"), whole)
    assert all(choice.message.content is not None for choice in whole.choices)


@settings(deadline=None, max_examples=50)
@given(answers=st.lists(samples(most_calls=1), min_size=1, max_size=2), order=st.lists(st.integers(0, 1)))
def test_a_deprecated_function_call_adds_up_too(answers: list[list[Event]], order: list[int]) -> None:
    the_head = head(log_probs=True, shape=FUNCTION_CALL)
    chunks = written(answers, order, calls=True)
    whole = folded(chunks, the_head)
    check_same(accumulated(chunks, the_head, "inline"), whole)
    assert all(choice.message.tool_calls is None for choice in whole.choices)
    assert {choice.finish_reason for choice in whole.choices} <= {"stop", "length", "function_call"}


@settings(deadline=None, max_examples=100)
@given(answer=samples(most_calls=2))
def test_content_is_null_where_there_are_calls_and_no_text(answer: list[Event]) -> None:
    (choice,) = folded(written([answer], [], calls=True), head(log_probs=True)).choices
    has_text = any(isinstance(event, Content) for event in answer)
    has_calls = any(isinstance(event, ToolStart) for event in answer)
    assert (choice.message.content is None) == (has_calls and not has_text)


def test_a_fold_is_not_whole_before_its_last_chunk() -> None:
    completion = Completion(head(log_probs=False))
    completion.fold(ChunkWriter(1).write(0, Content("a")))
    with pytest.raises(AssertionError, match="last chunk"):
        completion.finish()
