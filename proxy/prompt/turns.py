"""Messages in, the turns that are dropped whole out, oldest first.

::

    system  user  assistant+calls  tool  tool  user   (last: stays)
    stays   |0|   |------- 1 -------------|   stays
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

Message = Mapping[str, object]

# What a template writes around a message, very roughly.
_FRAME_CHARACTERS = 32


class Turns:
    """The turns of a conversation that may be dropped. count: how many there are; none of them is a system message
    or holds the last message."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self._messages = messages
        turn_of = _turns(messages)
        kept = (None, turn_of[-1])
        numbers = sorted({turn for turn in turn_of if turn not in kept and turn is not None})
        order = {turn: number for number, turn in enumerate(numbers)}
        self.count = len(order)
        # What stays whatever is dropped stands behind every turn.
        self._turn_of = [self.count if turn in kept or turn is None else order[turn] for turn in turn_of]
        sizes = [0] * (self.count + 1)
        for turn, message in zip(self._turn_of, messages, strict=True):
            sizes[turn] += len(str(message.get("content"))) + _FRAME_CHARACTERS
        self._ends = list(accumulate(sizes))
        self._questions = [
            turn
            for turn, message in zip(self._turn_of, messages, strict=True)
            if message["role"] == "user" and turn < self.count
        ]

    def since(self, first: int) -> list[Message]:
        """The messages, in their order, without the turns before first."""
        return [message for turn, message in zip(self._turn_of, self._messages, strict=True) if turn >= first]

    def question_from(self, first: int) -> int:
        """The first turn from first on that a user's message is; count if there is none."""
        place = bisect_left(self._questions, first)
        return self._questions[place] if place < len(self._questions) else self.count

    def first_characters(self, part: float) -> int:
        """How many of the oldest turns hold about this part of the conversation's text."""
        return bisect_left(self._ends, part * self._ends[-1]) + 1

    @property
    def last_question(self) -> int:
        """The last turn that a user's message is; count if there is none."""
        return self._questions[-1] if self._questions else self.count


def _turns(messages: Sequence[Message]) -> list[int | None]:
    """Each message's turn, as the place of the turn's first message; None for a system message."""
    turns: list[int | None] = []
    assistant: int | None = None
    calls: dict[object, int] = {}
    for place, message in enumerate(messages):
        role, turn = message["role"], place
        if role == "tool":
            turn = calls.get(message.get("tool_call_id"), place)
        elif role == "function":
            turn = place if assistant is None else assistant
        elif role == "assistant":
            assistant = place
            calls.update(dict.fromkeys(_call_ids(message), place))
        turns.append(None if role == "system" else turn)
    return turns


def _call_ids(message: Message) -> list[object]:
    calls = message.get("tool_calls")
    return [call.get("id") for call in calls] if isinstance(calls, list) else []
