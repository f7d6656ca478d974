"""Answers of every family: their grammars, texts that these let through, what the family's parser makes of one."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence

from benchmarks.maskbench.reader import END
from proxy.events import Content, Done, Reasoning, ToolArguments, ToolStart
from proxy.formats.parser import FORMATS, Format, Start, find_format
from proxy.grammar.answer_bounds import AnswerBounds, ToolBounds
from proxy.grammar.said import Said
from proxy.syntax import Syntax
from proxy.tools import MOST_CALLS, Tool

# Every family, and a way to think that its models have.
_THOUGHTS = {
    "hermes": "enable_thinking",
    "harmony": "harmony",
    "deepseek-v3": "think",
    "deepseek-v3.1": "thinking",
    "mistral-v11": "magistral",
}
FAMILIES = {name: find_format(name, _THOUGHTS.get(name, "none")) for name in FORMATS if name != "plain"}


def bounds_of(
    syntax: Syntax,
    tools: Sequence[Tool] = (),
    *,
    least: int = 0,
    most: int = MOST_CALLS,
    schema: object = None,
) -> AnswerBounds:
    assert syntax.calls is not None
    return AnswerBounds(
        syntax,
        None if schema is None else json.dumps(schema).encode(),
        tools=tuple(ToolBounds(tool.name, json.dumps(tool.parameters).encode()) for tool in tools),
        least=least,
        most=most if syntax.calls.parallel else 1,
    )


def read(format: Format, tools: Sequence[Tool], text: str, *, thinking: bool = False) -> tuple[Said, str, str]:
    """What the parser makes of a finished text; the thought; how it ended."""
    parser = format.parser(Start(thinking, tools))
    events = [*parser.feed(text), *parser.finish("stop")]
    contents, thoughts = [], []
    calls: list[tuple[str, list[str]]] = []
    finish = ""
    for event in events:
        if isinstance(event, Content):
            contents.append(event.text)
        elif isinstance(event, Reasoning):
            thoughts.append(event.text)
        elif isinstance(event, ToolStart):
            calls.append((event.name, []))
        elif isinstance(event, ToolArguments):
            calls[event.index][1].append(event.text)
        elif isinstance(event, Done):
            finish = event.finish
    said = Said(
        "".join(contents), tuple((name, "".join(pieces)) for name, pieces in calls), whole=finish != "length"
    )
    return said, "".join(thoughts), finish


def writer(syntax: Syntax, seed: int) -> Callable[[list[int]], int]:
    """Writes an answer at random, begins now and then what the family writes, goes on with it or does not, and
    wants to end the answer the more the longer it gets."""
    assert syntax.calls is not None
    dice = random.Random(seed)
    thought = syntax.thought
    words = [syntax.calls.trigger, *syntax.markers, *((thought.closing, thought.opening) if thought else ())]
    if syntax.calls.parameters:
        words += [syntax.calls.parameters.after_value, syntax.calls.parameters.before_name]
    ends: list[int] = [END, *b'"}]']
    word: list[int] = []
    written = 0

    def choose(allowed: list[int]) -> int:
        nonlocal word, written
        written += 1
        hurry = dice.random() < 0.1 + written / 300
        if hurry and not word:
            for end in ends:
                if end in allowed:
                    return end
        if not word and (hurry or dice.random() < 0.2):
            word = list(dice.choice(words).encode())
        if word and word[0] in allowed and (written > 150 or dice.random() < 0.98):
            return word.pop(0)
        word = []
        return dice.choice(allowed)

    return choose
