"""Samples with calls and thoughts over a scripted engine, which obeys no grammar: what is asked of it, what is
shown, and what becomes of an answer that breaks its constraint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.choice import Choice
from proxy.constraint import Constraint
from proxy.engines.scripted import Script, ScriptedEngine
from proxy.errors import StructuredOutputFailed
from proxy.events import Content, Done, Event, Reasoning, ToolArguments, ToolStart
from proxy.formats.parser import Format, Start, find_format
from proxy.generation import FinishReason, Generation, Guide, Sampling, Tokens
from proxy.grammar.answer_bounds import AnswerBounds, ToolBounds
from proxy.grammar.jobs import compiled, violation
from proxy.grammar.said import Said
from proxy.metrics import Metrics, RequestMetrics
from proxy.prompt.tokenizer import Tokenizer
from proxy.sample import Sample
from proxy.stops import StopStrings
from proxy.syntax import Thinking
from proxy.thought_budget import ThoughtBudget
from proxy.tools import Tool
from tests.proxy.formats import samples
from tests.proxy.formats.samples import SAMPLES, joined

QWEN = find_format("hermes", "think")
TOOLS = (
    Tool("add", None, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}),
    Tool("now", None, {"type": "object", "properties": {}}),
)
PROMPT = tuple(b"Q: ")
CONTEXT = 1000
ENDING = "\n</think>\n\n"
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
WRONG = CALL.replace("1", '"1"')
CALLED: list[Event] = [ToolStart(0, "add"), ToolArguments(0, '{"a": 1}'), Done("tool_calls")]


@dataclass
class Run:
    """One sample, run to its end or its failure. events: neighbours of one kind joined."""

    tokenizer: Tokenizer
    script: Script
    constraint: Constraint | None = None
    budget: ThoughtBudget | None = None
    thinking: bool = False
    stop: Sequence[str] = ()
    max_tokens: int = 500
    log_probs: bool = False
    seed: int = 5
    format: Format = QWEN
    tools: Sequence[Tool] = TOOLS
    shown: list[list[Event]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.engine = ScriptedEngine(self.script)

    async def go(self) -> list[Event]:
        self.metrics = RequestMetrics(Metrics())
        self.metrics.begin(len(PROMPT), 1)
        constraint, begin = self.constraint, self._begin
        self.sample = Sample(self._generation(), begin, constraint, self.engine, self.metrics, self.budget)
        self.shown.clear()
        async for events in self.sample.events():
            self.shown.append(events)
        assert self.engine.running == 0
        return joined([event for events in self.shown for event in events])

    def _begin(self) -> Choice:
        parser = self.format.parser(Start(self.thinking, self.tools))
        return Choice(self.tokenizer, StopStrings(self.stop), parser, log_probs=self.log_probs)

    def _generation(self) -> Generation:
        thinking: Thinking = "inside" if self.thinking else "may"
        return Generation(
            request_id="first",
            model="m",
            prompt=PROMPT,
            max_tokens=self.max_tokens,
            end_ids=(257,),
            pad_id=258,
            vocab_size=260,
            stop_words=(),
            sampling=Sampling(0.0, 1.0, 0, 1.0, 0.0, 0.0),
            seed=self.seed,
            log_probs=self.log_probs,
            guide=self.constraint.guide(thinking) if self.constraint else None,
        )


def calls(*, least: int = 1, most: int = 16, buffered: bool = False, retries: int = 2) -> Constraint:
    tools = (
        ToolBounds("add", b'{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}'),
        ToolBounds("now", b'{"type":"object","properties":{}}'),
    )
    return constraint(AnswerBounds(QWEN.syntax, tools=tools, least=least, most=most), buffered, retries)


def number(*, buffered: bool = False, retries: int = 2) -> Constraint:
    return constraint(AnswerBounds(QWEN.syntax, b'{"type":"integer"}'), buffered, retries)


def constraint(bounds: AnswerBounds, buffered: bool, retries: int) -> Constraint:
    """As Schemas make it, in this process."""
    found = compiled(bounds, seconds=2)

    async def judged(said: Said) -> str | None:
        return violation(found.judge, said)

    return Constraint(
        lambda thinking: Guide("ebnf_grammar", found.ebnf(thinking)), judged, buffered, found.free_text, retries
    )


def turns(*texts: str, size: int = 1, finish: FinishReason = "stop") -> Script:
    """Each generation says the next of the texts, so many bytes at a time, up to its limit."""
    left = list(texts)

    def script(generation: Generation) -> Iterable[Tokens]:
        data = left.pop(0).encode()
        cut = data[: generation.max_tokens]
        for start in range(0, len(cut), size):
            piece = tuple(cut[start : start + size])
            yield Tokens(piece, (-0.5,) * len(piece) if generation.log_probs else (), cached_blocks=len(left) + 1)
        yield Tokens((), (), "length" if len(cut) < len(data) else finish)

    return script


def budget(tokens: int, context: int = CONTEXT) -> ThoughtBudget:
    return ThoughtBudget(tokens, ENDING, tuple(ENDING.encode()), context)


Play = Callable[..., Run]


@pytest.fixture(scope="session")
def play(byte_tokenizer: Tokenizer) -> Play:
    return lambda *given, **named: Run(byte_tokenizer, *given, **named)


async def test_a_call_that_breaks_its_schema_is_made_again(play: Play) -> None:
    run = play(turns(WRONG, CALL), calls(buffered=True))
    assert await run.go() == CALLED
    assert run.sample.choice.tokens == len(CALL)
    first, second = run.engine.asked
    assert first.guide == second.guide
    assert first.seed != second.seed


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WRONG, "the arguments of call 0 of 'add': #/a"),
        (f"{CALL}\n{WRONG}", "the arguments of call 1 of 'add'"),
        (CALL.replace("1", "NaN"), "not JSON"),
        ("Hm.", "0 calls"),
        (f"{CALL}\n{CALL}\n{CALL}", "3 calls"),
        (f"Hm.\n{CALL}", "text beside"),
        (CALL[:-20], "inside a call"),
        ("<think>Hm.", "inside a call or a thought"),
    ],
)
async def test_what_breaks_a_constraint_is_told(text: str, says: str, play: Play) -> None:
    run = play(turns(*[text] * 3), calls(most=2, buffered=True))
    with pytest.raises(StructuredOutputFailed) as caught:
        await run.go()
    assert says in caught.value.message
    assert len(run.engine.asked) == 3
    assert not [event for events in run.shown for event in events if not isinstance(event, Reasoning)]


async def test_what_was_shown_is_not_made_again(play: Play) -> None:
    run = play(turns(WRONG, CALL), calls())
    with pytest.raises(StructuredOutputFailed):
        await run.go()
    assert len(run.engine.asked) == 1


async def test_a_call_that_is_cut_is_no_whole_call(play: Play) -> None:
    for limit in range(30, len(CALL)):
        for buffered in (True, False):
            run = play(turns(CALL), calls(buffered=buffered), max_tokens=limit)
            events = await run.go()
            assert events[-1] == Done("length") or limit > CALL.index("}}") + 1
            assert len(run.engine.asked) == 1


async def test_text_and_calls_are_both_right_where_neither_is_required(play: Play) -> None:
    assert await play(turns("Hm."), calls(least=0)).go() == [Content("Hm."), Done("stop")]
    assert (await play(turns(f"Hm.\n{CALL}"), calls(least=0)).go())[1:] == CALLED


async def test_a_stop_string_that_cuts_what_was_bound_ends_it_with_length(play: Play) -> None:
    assert await play(turns("Hm. 12"), calls(least=0), stop=["."]).go() == [Content("Hm"), Done("stop")]
    assert await play(turns("12-4"), number(), stop=["-"]).go() == [Content("12"), Done("stop")]
    assert await play(turns("-12"), number(), stop=["1"]).go() == [Content("-"), Done("length")]


async def test_a_thought_is_not_judged(play: Play) -> None:
    run = play(turns(f"Hm. 1{ENDING}12"), number(), thinking=True)
    assert await run.go() == [Reasoning("Hm. 1"), Content("12"), Done("stop")]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
@pytest.mark.parametrize("tokens", [1, 5, 9])
async def test_a_thought_is_ended_when_its_budget_is_used_up(tokens: int, size: int, play: Play) -> None:
    thought = "I wonder whether"
    run = play(turns(thought, "12", size=size), number(), budget(tokens), thinking=True, log_probs=True)
    events = await run.go()
    assert [type(event) for event in events] == [Reasoning, Content, Done]
    assert isinstance(events[0], Reasoning)
    assert events[0].text.rstrip() == thought[:tokens].rstrip()
    assert isinstance(events[1], Content)
    assert [entry.token for entry in events[1].log_probs] == ["1", "2"]
    first, second = run.engine.asked
    assert tuple(second.prompt) == (*PROMPT, *thought[:tokens].encode(), *ENDING.encode())
    assert second.max_tokens == first.max_tokens - tokens
    assert second.request_id != first.request_id
    assert second.seed == first.seed
    assert run.constraint is not None
    assert (first.guide, second.guide) == (run.constraint.guide("inside"), run.constraint.guide("never"))
    choice = run.sample.choice
    assert (choice.tokens, choice.thought_tokens) == (tokens + 2, tokens)
    # Of the client's own prompt.
    assert choice.cached_blocks == 2
    assert run.engine.cancelled == 1


async def test_no_budget_at_all_ends_the_thought_before_it_begins(play: Play) -> None:
    run = play(turns("12"), number(), budget(0), thinking=True)
    assert await run.go() == [Content("12"), Done("stop")]
    (asked,) = run.engine.asked
    assert tuple(asked.prompt) == (*PROMPT, *ENDING.encode())
    assert run.constraint is not None
    assert asked.guide == run.constraint.guide("never")
    assert run.sample.choice.cached_blocks == 1
    run = play(turns("<think>Hm.", "12"), None, budget(0))
    assert await run.go() == [Content("12"), Done("stop")]
    assert tuple(run.engine.asked[1].prompt) == (*PROMPT, *b"<think>", *ENDING.encode())
    assert run.engine.asked[1].guide is None


async def test_a_thought_that_ends_by_itself_is_left_alone(play: Play) -> None:
    for size in (1, 4, 100):
        for begun in ("", "<think>"):
            run = play(turns(f"{begun}Hm.{ENDING}12", size=size), number(), budget(14), thinking=not begun)
            assert await run.go() == [Reasoning("Hm."), Content("12"), Done("stop")]
            assert len(run.engine.asked) == 1


async def test_an_answer_without_a_thought_uses_no_budget(play: Play) -> None:
    run = play(turns("A long answer.", size=4), None, budget(3))
    assert await run.go() == [Content("A long answer."), Done("stop")]
    assert run.sample.choice.thought_tokens == 0


@pytest.mark.parametrize("limit", [4, 5, 6])
async def test_a_limit_that_ends_the_thought_ends_the_sample(limit: int, play: Play) -> None:
    run = play(turns("I wonder", "123456"), None, budget(5), thinking=True, max_tokens=limit)
    events = await run.go()
    assert events[-1] == Done("length")
    assert run.sample.choice.tokens == limit
    assert len(run.engine.asked) == (2 if limit == 6 else 1)
    assert events[1:-1] == ([Content("1")] if limit == 6 else [])


async def test_what_ends_a_thought_has_its_place_in_the_context(play: Play) -> None:
    room = len(PROMPT) + 5 + len(ENDING) + 2
    run = play(turns("I wonder", "123456"), None, budget(5, room), thinking=True, max_tokens=20)
    assert (await run.go())[1:] == [Content("12"), Done("length")]
    # Where nothing of an answer would have its place the thought goes on.
    run = play(turns("I wonder"), None, budget(5, room - 2), thinking=True, max_tokens=8)
    assert (await run.go())[-1] == Done("length")
    assert len(run.engine.asked) == 1


async def test_an_answer_behind_a_budget_is_made_again_behind_the_thought(play: Play) -> None:
    run = play(turns("I wonder", "x", "7"), number(buffered=True), budget(3), thinking=True)
    assert await run.go() == [Reasoning("I w"), Content("7"), Done("stop")]
    first, second, third = run.engine.asked
    assert first.seed == second.seed != third.seed
    assert (third.prompt, third.max_tokens, third.guide) == (second.prompt, second.max_tokens, second.guide)
    assert (run.sample.choice.tokens, run.sample.choice.thought_tokens) == (4, 3)


async def test_text_before_a_call_is_shown_and_stays_when_the_call_is_made_again(play: Play) -> None:
    run = play(turns(f"Look:\n{WRONG}", CALL[: -len("</tool_call>")], size=4), calls(least=0, buffered=True))
    assert await run.go() == [Content("Look:"), *CALLED]
    assert run.shown[:5] == [[Content(letter)] for letter in "Look:"]
    first, second = run.engine.asked
    assert tuple(second.prompt) == (*PROMPT, *b"Look:")
    assert second.max_tokens == first.max_tokens - len("Look:")
    assert run.constraint is not None
    assert second.guide == run.constraint.guide("never")
    assert second.seed != first.seed
    # Of the client's own prompt.
    assert run.sample.choice.cached_blocks == 2


async def test_a_thought_is_shown_and_stays_when_the_answer_is_made_again(play: Play) -> None:
    for limit in (None, budget(20)):
        run = play(turns(f"Hm.{ENDING}x", f"So.{ENDING}7"), number(buffered=True), limit, thinking=True)
        assert await run.go() == [Reasoning("Hm.So."), Content("7"), Done("stop")]
        assert run.shown[:3] == [[Reasoning(letter)] for letter in "Hm."]
        assert tuple(run.engine.asked[1].prompt) == (*PROMPT, *b"Hm.")
        assert run.constraint is not None
        assert run.engine.asked[1].guide == run.constraint.guide("inside")
        assert run.sample.choice.tokens == len(f"Hm.So.{ENDING}7")


async def test_text_behind_a_budget_stays_too(play: Play) -> None:
    run = play(turns("I wonder", f"Look: {WRONG}", CALL), calls(least=0, buffered=True), budget(3), thinking=True)
    assert await run.go() == [Reasoning("I w"), Content("Look:"), *CALLED]
    first, _, third = run.engine.asked
    assert tuple(third.prompt) == (*PROMPT, *b"I w", *ENDING.encode(), *b"Look:")
    assert third.max_tokens == first.max_tokens - len("I wLook:")


@pytest.mark.parametrize("sample", SAMPLES, ids=samples.name_of)
@pytest.mark.parametrize("begun", ["", "Look up"])
async def test_in_every_family_a_call_is_made_again_behind_what_was_shown(
    begun: str, sample: samples.Sample, play: Play
) -> None:
    """Its parser knows where it can be left: the thought and the text are there once, whatever the family."""
    format = find_format(sample.format, sample.reasoning)
    text = f"{sample.before_text}{begun}{sample.gap}" if begun and sample.format != "llama3" else ""
    whole = f"{sample.think.replace('THOUGHT', 'Hm. So')}{text}"
    wrong = sample.one.replace("1", '"1"')

    def script(generation: Generation) -> Iterable[Tokens]:
        kept = bytes(generation.prompt[len(PROMPT) :])
        assert whole.encode().startswith(kept)
        data = whole.encode()[len(kept) :] + (wrong if generation.seed == 5 else sample.one).encode()
        return [*(Tokens((byte,)) for byte in data), Tokens((), (), "stop")]

    tools = tuple(ToolBounds(tool.name, json.dumps(tool.parameters).encode()) for tool in samples.TOOLS[:1])
    bound = constraint(AnswerBounds(format.syntax, tools=tools, most=1), True, 1)
    run = play(script, bound, format=format, tools=samples.TOOLS)
    thought: list[Event] = [Reasoning("Hm. So")] if sample.think else []
    assert await run.go() == [
        *thought,
        *([Content("Look up")] if text else []),
        *samples.calls(samples.F),
        CALLED[-1],
    ]
    _, again = run.engine.asked
    assert bool(thought or text) == (len(again.prompt) > len(PROMPT))


@pytest.mark.parametrize(("bound", "text"), [("text", "12"), ("calls", CALL)])
async def test_what_is_bound_is_held_back(bound: str, text: str, play: Play) -> None:
    run = play(turns(text), number(buffered=True) if bound == "text" else calls(buffered=True))
    await run.go()
    assert len(run.shown) == 1


@given(
    text=st.text("ab \n<tool_cal>é👍", max_size=12).filter(lambda text: "<tool_call>" not in text),
    thought=st.none() | st.text("ab \n</think>é", max_size=8).filter(lambda text: "</think>" not in text),
    stop=st.sampled_from(["", "zz", "b<"]),
    size=st.integers(1, 40),
)
@settings(deadline=None)
async def test_another_attempt_goes_on_behind_what_was_shown(
    text: str, thought: str | None, stop: str, size: int, play: Play
) -> None:
    whole = ("" if thought is None else thought + ENDING) + text
    if stop and stop in text:
        return
    found = []
    for broken in (False, True):
        left = len(PROMPT)

        def script(generation: Generation, broken: bool = broken, left: int = left) -> Iterable[Tokens]:
            kept = bytes(generation.prompt[left:])
            assert whole.encode().startswith(kept)
            wrong = broken and generation.seed == 5
            data = whole.encode()[len(kept) :] + (WRONG if wrong else CALL).encode()
            for start in range(0, len(data), size):
                piece = tuple(data[start : start + size])
                yield Tokens(piece, (-0.5,) * len(piece))
            yield Tokens((), (), "stop")

        options = {"thinking": thought is not None, "stop": [stop] * bool(stop), "log_probs": True}
        run = play(script, calls(least=0, buffered=True), **options)
        found.append((await run.go(), run.sample.choice.tokens, run.sample.choice.thought_tokens))
        assert len(run.engine.asked) == 1 + broken
    assert found[0] == found[1]


async def test_a_model_that_thinks_again_is_told_again(play: Play) -> None:
    harmony = find_format("harmony", "harmony")
    ending = "<|end|><|start|>assistant"
    limit = ThoughtBudget(2, ending, tuple(ending.encode()), 5000)
    thought, answer = "<|channel|>analysis<|message|>Hm", "<|channel|>final<|message|>12"
    run = play(turns(thought, thought, answer), None, limit, format=harmony, log_probs=True)
    events = await run.go()
    assert [type(event) for event in events] == [Reasoning, Content, Done]
    assert run.sample.choice.thought_tokens == 2
    assert tuple(run.engine.asked[2].prompt)[-len(ending) :] == tuple(ending.encode())
    assert run.sample.choice.cached_blocks == 3
    assert isinstance(events[1], Content)
    assert [entry.token for entry in events[1].log_probs] == ["1", "2"]
    # Not for ever.
    run = play(turns(*[thought] * 9), None, limit, format=harmony)
    assert (await run.go())[-1] == Done("length")
    assert len(run.engine.asked) == 5


async def test_all_that_came_for_an_attempt_but_what_was_shown_is_thrown_away_with_it(play: Play) -> None:
    """Also what came in one message behind the end of its thought's budget, and is in no answer."""
    run = play(turns("I wonder", "x", "7", size=8), number(), budget(3), thinking=True)
    run.constraint = constraint(AnswerBounds(QWEN.syntax, b'{"type":"integer"}'), True, 1)
    assert await run.go() == [Reasoning("I w"), Content("7"), Done("stop")]
    assert run.metrics.received == len("I wonder") + len("x") + len("7")
    assert run.metrics.retried_tokens == len("onder") + len("x"), "the thought that was shown stays"
    assert run.sample.choice.tokens == len("I w") + len("7")


async def test_half_a_character_at_the_end_of_a_budget_is_dropped(play: Play) -> None:
    run = play(turns("aé", "12"), None, budget(2), thinking=True)
    assert await run.go() == [Reasoning("a"), Content("12"), Done("stop")]


@given(
    thought=st.text("ab </think>\nन", max_size=12).filter(lambda text: "</think>" not in text),
    tokens=st.integers(0, 30),
    size=st.integers(1, 40),
    begun=st.booleans(),
)
@settings(deadline=None)
async def test_any_budget_leaves_one_answer_and_one_count(
    thought: str, tokens: int, size: int, begun: bool, play: Play
) -> None:
    opening = "<think>" if begun else ""
    whole = f"{opening}{thought}{ENDING}So: 12"

    def script(generation: Generation) -> Iterable[Tokens]:
        ended = len(generation.prompt) > len(PROMPT)
        data = b"So: 12" if ended else whole.encode()
        for start in range(0, len(data), size):
            yield Tokens(tuple(data[start : start + size]))
        yield Tokens((), (), "stop")

    run = play(script, None, budget(tokens), thinking=not begun)
    events = await run.go()
    assert events[-2:] == [Content("So: 12"), Done("stop")]
    assert [type(event) for event in events[:-2]] in ([], [Reasoning])
    choice = run.sample.choice
    thinking = len(f"{thought}\n</think>".encode())
    assert choice.thought_tokens == min(tokens, thinking)
    if len(run.engine.asked) == 2:
        assert choice.tokens == len(opening) + tokens + 6
    else:
        assert choice.tokens == (len(whole.encode()) if tokens or begun else 6)
