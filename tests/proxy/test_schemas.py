from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import cast

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.constraint import Constraint
from proxy.errors import ForiiError, InvalidJsonSchema, Overloaded
from proxy.formats.parser import find_format
from proxy.grammar.answer_bounds import AnswerBounds
from proxy.grammar.invalid import InvalidParameters, InvalidSchema
from proxy.grammar.jobs import Compiled
from proxy.grammar.said import Said
from proxy.grammar.worker import Arguments, Result, TooCostly, Worker, WorkerDied
from proxy.openai.response_format import ANY_OBJECT, AnswerSchema
from proxy.schemas import Schemas, Wanted
from proxy.settings import Settings
from proxy.tools import Tool, ToolUse

PARAM = "response_format.json_schema.schema"


def grammar(text: str, *, checked: bool = False) -> Compiled:
    return Compiled({"never": text}, "", checked, free_text=False, judge=b"pickle")


class StandIn(Worker):
    """Compiles in no process: gives what it is told, or raises it, once it may."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.asked: list[tuple[object, ...]] = []
        self.gives: object = grammar("root ::= [a-z]", checked=True)
        self.may = asyncio.Event()
        self.may.set()

    async def run(
        self, work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> Result:
        self.asked.append((work, *arguments))
        await self.may.wait()
        if isinstance(self.gives, Exception):
            raise self.gives
        return cast(Result, self.gives)

    def close(self) -> None:
        self.may.set()


class Made:
    """Schemas over two stand-ins."""

    def __init__(self, pool: ThreadPoolExecutor, **settings: object) -> None:
        workers: list[StandIn] = []

        def make(seconds: float) -> StandIn:
            workers.append(StandIn(seconds))
            return workers[-1]

        self.schemas = Schemas(Settings.model_validate(settings), pool, make)
        self.compiler, self.checker = workers

    async def ask(self, schema: dict[str, object], *, open_objects: bool = False) -> str:
        """The grammar's text."""
        wanted = Wanted(schema=AnswerSchema(schema, open_objects, PARAM))
        return (await self.constraint(wanted)).guide("never").text

    async def constraint(self, wanted: Wanted) -> Constraint:
        found = await self.schemas.constraint(wanted)
        assert found is not None
        return found


Make = Callable[..., Made]


@pytest.fixture
def make() -> Iterator[Make]:
    with ThreadPoolExecutor(1) as pool:
        yield lambda **settings: Made(pool, **settings)


async def test_the_same_schema_is_compiled_once(make: Make) -> None:
    made = make()
    made.compiler.may.clear()
    waiting = [asyncio.ensure_future(made.ask({"type": "string"})) for _ in range(5)]
    await asyncio.sleep(0)
    made.compiler.may.set()
    assert len(set(await asyncio.gather(*waiting))) == 1
    await made.ask({"type": "string"})
    assert len(made.compiler.asked) == 1


async def test_another_schema_and_another_policy_are_compiled_for_themselves(make: Make) -> None:
    made = make()
    for open_objects in (False, True):
        await made.ask({"type": "string"}, open_objects=open_objects)
        # The order of properties is the order of keys in the answers.
        await made.ask({"a": 1, "b": 2}, open_objects=open_objects)
        await made.ask({"b": 2, "a": 1}, open_objects=open_objects)
    assert len(made.compiler.asked) == 6


async def test_a_client_that_leaves_takes_nothing_from_the_others(make: Make) -> None:
    made = make()
    made.compiler.may.clear()
    goes, stays = (asyncio.ensure_future(made.ask({"type": "string"})) for _ in range(2))
    await asyncio.sleep(0)
    goes.cancel()
    await asyncio.sleep(0)
    made.compiler.may.set()
    assert await stays
    assert goes.cancelled()
    assert len(made.compiler.asked) == 1


@pytest.mark.parametrize(
    ("failure", "says"),
    [(InvalidSchema("there is no such type", "#/items", "type"), "#/items/type"), (TooCostly(), "2 s")],
)
async def test_a_refusal_names_field_and_place_and_is_remembered(
    failure: Exception, says: str, make: Make
) -> None:
    made = make()
    made.compiler.gives = failure
    for _ in range(2):
        with pytest.raises(InvalidJsonSchema) as caught:
            await made.ask({"type": "string"})
        assert says in caught.value.message
        assert caught.value.param == PARAM
    assert len(made.compiler.asked) == 1


async def test_a_compiler_that_died_is_asked_again_next_time(make: Make) -> None:
    made = make()
    made.compiler.gives = WorkerDied()
    with pytest.raises(InvalidJsonSchema):
        await made.ask({"type": "string"})
    made.compiler.gives = grammar("root ::= [a-z]")
    assert await made.ask({"type": "string"})


async def test_a_schema_too_large_or_too_deep_never_gets_to_the_compiler(make: Make) -> None:
    made = make(max_schema_bytes=2000)
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"not": deep}
    long: dict[str, object] = {"description": "x" * 2000}
    for schema, says in ((long, "2000"), (deep, "nested")):
        with pytest.raises(InvalidJsonSchema, match=says):
            await made.ask(schema)
    assert made.compiler.asked == []


async def test_too_many_new_schemas_at_once_are_told_to_come_again(make: Make) -> None:
    made = make()
    made.compiler.may.clear()
    waiting = [asyncio.ensure_future(made.ask({"minimum": number})) for number in range(64)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await made.ask({"minimum": 64})
    same = asyncio.ensure_future(made.ask({"minimum": 5}))
    made.compiler.may.set()
    assert len(await asyncio.gather(*waiting, same)) == 65
    assert await made.ask({"minimum": 64})


async def test_what_is_kept_is_bounded_by_count_and_by_size(make: Make) -> None:
    for large, rounds, kept in ((0, 1100, 1024), (2**20, 100, 63)):
        made = make()
        made.compiler.gives = grammar("x" * large)
        for number in range(rounds):
            await made.ask({"minimum": number})
        assert len(made.compiler.asked) == rounds
        await made.ask({"minimum": rounds - kept})
        assert len(made.compiler.asked) == rounds
        await made.ask({"minimum": rounds - kept - 1})
        assert len(made.compiler.asked) == rounds + 1


async def test_what_was_used_of_late_is_kept(make: Make) -> None:
    made = make()
    for number in range(1024):
        await made.ask({"minimum": number})
    await made.ask({"minimum": 0})
    await made.ask({"minimum": 1024})
    await made.ask({"minimum": 0})
    assert len(made.compiler.asked) == 1025


async def test_a_constraint_says_what_its_schema_needs(make: Make) -> None:
    made = make(max_retries=3, schema_seconds=0.5)
    for checked in (True, False):
        made.compiler.gives = grammar("root ::= [a-z]", checked=checked)
        constraint = await made.constraint(Wanted(schema=AnswerSchema({"minimum": checked}, False, PARAM)))
        assert (constraint.guide("never").kind, constraint.buffered, constraint.retries) == (
            "ebnf_grammar",
            checked,
            3,
        )
        made.checker.gives = None
        assert await constraint.violation(Said("text")) is None
        assert made.checker.asked[-1][1:] == (b"pickle", Said("text"))
        made.checker.gives = TooCostly()
        assert "too long" in str(await constraint.violation(Said("text")))
        made.checker.gives = WorkerDied()
        with pytest.raises(ForiiError):
            await constraint.violation(Said("text"))
    assert made.compiler.seconds > 0.5 == made.checker.seconds


async def test_warming_up_makes_the_first_json_object_wait_for_nothing(make: Make) -> None:
    made = make()
    await made.schemas.warm()
    assert (len(made.compiler.asked), len(made.checker.asked)) == (1, 1)
    made.compiler.gives = InvalidSchema("no")
    assert await made.ask({"type": "object"}, open_objects=True)


async def test_closing_it_leaves_nobody_waiting(make: Make) -> None:
    made = make()
    made.compiler.may.clear()
    waiting = asyncio.ensure_future(made.ask({"type": "string"}))
    await asyncio.sleep(0)
    made.schemas.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


CALLS = find_format("hermes").syntax
TOOLS = tuple(Tool(name, None, {"type": "object", "title": name}) for name in "abc")


async def test_bounds_say_what_a_request_asks_for(make: Make) -> None:
    made = make()
    made.compiler.gives = grammar("root ::= [a-z]")
    wanted = Wanted(CALLS, ANY_OBJECT, ToolUse(TOOLS, TOOLS[1:], 1, 16))
    await made.constraint(wanted)
    ((_, bounds),) = made.compiler.asked
    assert isinstance(bounds, AnswerBounds)
    assert [tool.name for tool in bounds.tools] == ["b", "c"]
    assert (bounds.least, bounds.most, bounds.open_objects) == (1, 16, True)
    one_at_a_time = replace(wanted, syntax=find_format("harmony", "harmony").syntax)
    await made.constraint(one_at_a_time)
    assert isinstance(bounds := made.compiler.asked[1][1], AnswerBounds)
    assert bounds.most == 1


async def test_nothing_is_asked_where_any_answer_will_do(make: Make) -> None:
    made = make()
    for tools in (None, ToolUse((), (), 0, 0), ToolUse(TOOLS, (), 0, 0)):
        assert await made.schemas.constraint(Wanted(CALLS, None, tools)) is None
    assert made.compiler.asked == []


async def test_a_refused_tool_is_named_by_its_place_among_all(make: Make) -> None:
    made = make()
    made.compiler.gives = InvalidParameters(1, "there is no such type", "#/items", "type")
    tools = ToolUse(TOOLS, TOOLS[1:], 0, 16)
    for wanted, param in (
        (Wanted(CALLS, None, tools), "tools[2].function.parameters"),
        (Wanted(CALLS, None, tools, "functions[{}].parameters"), "functions[2].parameters"),
    ):
        with pytest.raises(InvalidJsonSchema, match="#/items/type") as caught:
            await made.schemas.constraint(wanted)
        assert caught.value.param == param
    assert len(made.compiler.asked) == 1
    made.compiler.gives = TooCostly()
    with pytest.raises(InvalidJsonSchema) as caught:
        await made.schemas.constraint(Wanted(CALLS, None, ToolUse(TOOLS, TOOLS, 0, 16)))
    assert caught.value.param == "tools"


async def test_parameters_too_large_or_too_deep_name_their_tool(make: Make) -> None:
    made = make(max_schema_bytes=2000)
    deep: dict[str, object] = {}
    for _ in range(500):
        deep = {"not": deep}
    for parameters in (deep, {"title": "x" * 2000}):
        tools = (*TOOLS, Tool("d", None, parameters))
        with pytest.raises(InvalidJsonSchema) as caught:
            await made.schemas.constraint(Wanted(CALLS, None, ToolUse(tools, tools, 0, 16)))
        assert caught.value.param == "tools[3].function.parameters"
    assert made.compiler.asked == []


async def test_text_that_may_be_anything_is_not_checked(make: Make) -> None:
    made = make()
    made.compiler.gives = replace(grammar("root ::= [a-z]"), free_text=True)
    constraint = await made.constraint(Wanted(CALLS, None, ToolUse(TOOLS, TOOLS, 0, 16)))
    made.checker.gives = "wrong"
    assert await constraint.violation(Said("text")) is None
    assert await constraint.violation(Said("", (("a", "{}"),))) == "wrong"
    assert await constraint.violation(Said("text", whole=False)) == "wrong"


async def test_each_place_that_a_prompt_leaves_a_sample_has_its_grammar() -> None:
    with ThreadPoolExecutor(1) as pool:
        schemas = Schemas(Settings(), pool)
        try:
            syntax = find_format("hermes", "think").syntax
            constraint = await schemas.constraint(Wanted(syntax, None, ToolUse(TOOLS, TOOLS, 1, 16)))
            assert constraint is not None
            inside, may, never = (constraint.guide(thinking).text for thinking in ("inside", "may", "never"))
            assert len({inside, may, never}) == 3
            call = '<tool_call>\n{"name": "a", "arguments": {}}\n</tool_call>'
            for text, taken in (
                (call, (0, 1, 1)),
                (f"Hm.</think>\n\n{call}", (1, 0, 0)),
                (f"<think></think>\n\n{call}", (0, 1, 0)),
            ):
                assert tuple(Reader(guide).accepts(text) for guide in (inside, may, never)) == taken, text
            assert await constraint.violation(Said("", (("a", "{}"),))) is None
            assert "0 calls" in str(await constraint.violation(Said("Hm.")))
        finally:
            schemas.close()
