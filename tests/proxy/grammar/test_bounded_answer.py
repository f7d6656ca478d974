"""Bounds of answers: what is refused and where, what is shared, what is made coarser, what the judge says."""

from __future__ import annotations

import json
import pickle
import random

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.grammar.answer_bounds import AnswerBounds, ToolBounds
from proxy.grammar.bounded_answer import BoundedAnswer
from proxy.grammar.invalid import InvalidParameters, InvalidSchema
from proxy.grammar.jobs import compiled, violation
from proxy.grammar.said import Said
from proxy.tools import Tool
from tests.proxy.grammar.answers import FAMILIES, bounds_of, read

HERMES, XML = FAMILIES["hermes"], FAMILIES["qwen3-coder"]
OBJECT = {"type": "object"}


def tool(name: str, **properties: object) -> Tool:
    return Tool(name, None, {"type": "object", "properties": properties, "required": list(properties)})


def called(name: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


def written(name: str, **values: str) -> str:
    """A call in XML."""
    inner = "".join(f"<parameter={key}>\n{value}\n</parameter>\n" for key, value in values.items())
    return f"<tool_call>\n<function={name}>\n{inner}</function>\n</tool_call>"


def takes(bounds: AnswerBounds, text: str) -> bool:
    ebnf = compiled(bounds, seconds=2).ebnf("never")
    exact = Reader(ebnf, exactly=True).accepts(text)
    assert Reader(ebnf).accepts(text) == exact
    return exact


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"type": "nonsense"}, "#/type"),
        ({"type": "object", "properties": {"a": {"minimum": "x"}}}, "#/properties/a/minimum"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "#/properties/a/$ref"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "#/properties/a/pattern"),
        ({"type": "string"}, "#"),
        (
            {"type": "object", "properties": {"a": {}}, "required": ["b"], "additionalProperties": False},
            "#/required",
        ),
    ],
)
@pytest.mark.parametrize("family", ["hermes", "qwen3-coder"])
def test_parameters_that_are_refused_name_their_tool_and_place(
    family: str, parameters: dict[str, object], path: str
) -> None:
    bounds = bounds_of(FAMILIES[family].syntax, [tool("f"), Tool("g", None, parameters)])
    with pytest.raises(InvalidParameters) as caught:
        compiled(bounds, seconds=2)
    assert caught.value.place == 1
    assert str(caught.value).startswith(path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.place, str(again)) == (1, str(caught.value))


def test_a_response_schema_is_refused_as_such() -> None:
    for schema in ({"type": "nonsense"}, {"enum": [1], "type": "string"}):
        with pytest.raises(InvalidSchema) as caught:
            compiled(bounds_of(HERMES.syntax, [tool("f")], schema=schema), seconds=2)
        assert not isinstance(caught.value, InvalidParameters)


def test_tools_with_equal_parameters_share_their_rules() -> None:
    one = bounds_of(HERMES.syntax, [tool("f", a={"type": "integer"}, b={"enum": [1, 2]})])
    many = bounds_of(HERMES.syntax, [tool(f"f{n}", a={"type": "integer"}, b={"enum": [1, 2]}) for n in range(50)])
    rules = [compiled(bounds, seconds=2).rules.count("\n") for bounds in (one, many)]
    assert rules[0] == rules[1]


def test_a_function_without_parameters_has_no_arguments() -> None:
    for parameters, taken in (({"type": "object", "properties": {}}, False), (OBJECT, True)):
        bounds = bounds_of(HERMES.syntax, [Tool("f", None, parameters)], least=1)
        assert takes(bounds, called("f", "{}"))
        assert takes(bounds, called("f", '{"a": 1}')) == taken


def test_a_name_that_begins_another_is_a_name() -> None:
    bounds = bounds_of(HERMES.syntax, [tool("get"), tool("get_all"), tool("get-all")], least=1)
    for name in ("get", "get_all", "get-all"):
        assert takes(bounds, called(name, "{}"))
    for name in ("ge", "get_", "all", "get_all_"):
        assert not takes(bounds, called(name, "{}"))


@pytest.mark.parametrize("family", FAMILIES)
def test_128_tools_are_said_or_made_coarser_but_not_refused(family: str) -> None:
    dice = random.Random(7)
    tools = [
        tool(
            f"f{n}",
            **{f"p{n}_{i}": {"enum": [f"{n}-{i}-{k}" for k in range(dice.randint(2, 9))]} for i in range(30)},
        )
        for n in range(128)
    ]
    format = FAMILIES[family]
    found = compiled(bounds_of(format.syntax, tools, least=1), seconds=2)
    assert found.rules.count("\n") <= 3000
    said = {f"p127_{i}": f"127-{i}-0" for i in range(30)}
    reader = Reader(found.ebnf("never"))
    if family == "hermes":
        assert reader.accepts(called("f127", json.dumps(said)))
    elif family == "qwen3-coder":
        assert reader.accepts(written("f127", **said))


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize("seconds", [0.5, 20])
def test_one_tool_that_costs_too_much_leaves_the_others_exact(seconds: float) -> None:
    """It takes too long, or it has too many rules."""
    costly = {
        f"p{n}": {"type": "string", "pattern": f"^[a-z]+-{n}(x|yz)*$", "maxLength": 60 + n % 40}
        for n in range(160)
    }
    bounds = bounds_of(HERMES.syntax, [tool("f", a={"type": "integer"}), tool("g", **costly)], least=1)
    found = compiled(bounds, seconds=seconds)
    assert found.checked
    reader = Reader(found.ebnf("never"))
    assert reader.accepts(called("f", '{"a": 1}'))
    assert not reader.accepts(called("f", '{"a": "x"}'))
    assert reader.accepts(called("g", '{"p0": "x"}'))


def test_equal_bounds_have_equal_digests_and_others_do_not() -> None:
    def bounds(**some: object) -> AnswerBounds:
        given = {"parameters": b"{}", "name": "f", "least": 0, **some}
        tools = (ToolBounds(str(given["name"]), bytes(str(given["parameters"]), "ascii")),)
        return AnswerBounds(HERMES.syntax, tools=tools, least=int(str(given["least"])), most=2)

    assert bounds().digest == bounds().digest
    others = [bounds(), bounds(least=1), bounds(name="g"), bounds(parameters=b"[]"), AnswerBounds(schema=b"{}")]
    assert len({other.digest for other in others}) == len(others)


def test_the_judge_reads_arguments_as_strictly_as_answers() -> None:
    bounds = bounds_of(HERMES.syntax, [tool("f", a={"type": "number"})], least=1, most=2)
    judge = pickle.dumps(BoundedAnswer(bounds, 2).judge(unique_keys=True))
    assert violation(judge, Said("", (("f", '{"a": 1}'),))) is None
    for arguments, says in (
        ('{"a": NaN}', "not JSON"),
        ('{"a": 1e999}', "not JSON"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[1]", "no object"),
        ("{", "not JSON"),
        ('{"a": "1"}', "#/a"),
        ("[" * 100_000, "nested"),
    ):
        found = violation(judge, Said("", (("f", '{"a": 1}'), ("f", arguments))))
        assert found is not None
        assert found.startswith("the arguments of call 1 of 'f': ")
        assert says in found
    assert "may not call" in str(violation(judge, Said("", (("g", "{}"),))))


def test_beside_a_schema_there_is_its_text_or_calls() -> None:
    bounds = bounds_of(HERMES.syntax, [tool("f")], schema={"type": "integer"})
    judge = pickle.dumps(BoundedAnswer(bounds, 2).judge(unique_keys=False))
    assert violation(judge, Said("1")) is None
    assert violation(judge, Said("", (("f", "{}"),))) is None
    assert violation(judge, Said("x")) is not None
    assert violation(judge, Said("1", (("f", "{}"),))) is not None


def test_a_string_of_its_own_is_written_as_it_is() -> None:
    bounds = bounds_of(XML.syntax, [tool("f", s={"type": "string"}, n={"type": ["integer", "null"]})], least=1)
    for value in ("", "a\nb", "001", '"x"', "<b>न👍</b>\n</parameter", "</function>\n</tool_call>"):
        text = written("f", s=value, n="null")
        assert takes(bounds, text), value
        said, _, _ = read(XML, [tool("f", s={"type": "string"}, n={})], text)
        assert json.loads(said.calls[0][1]) == {"s": value, "n": None}
    assert not takes(bounds, written("f", s="x"))
    assert not takes(bounds, written("f", s="x", n='"1"'))
    assert not takes(bounds, written("f", n="1", s="x"))


def test_parameters_come_in_order_and_optional_ones_may_be_left_out() -> None:
    kinds: dict[str, object] = {name: {"type": "integer"} for name in "abcd"}
    given = Tool("f", None, {"type": "object", "properties": kinds, "required": ["b"]})
    bounds = bounds_of(XML.syntax, [given], least=1)
    for names in ("b", "ab", "bd", "abcd", "bcd"):
        assert takes(bounds, written("f", **dict.fromkeys(names, "1"))), names
    for names in ("", "a", "ba", "bb", "abe"):
        assert not takes(bounds, written("f", **dict.fromkeys(names, "1")) if names != "bb" else _twice()), names


def _twice() -> str:
    one = "<parameter=b>\n1\n</parameter>\n"
    return written("f").replace("</function>", f"{one}{one}</function>")


def test_a_name_that_cannot_be_told_from_what_follows_it_is_left_out() -> None:
    kinds: dict[str, object] = {"a>": {"type": "integer"}, "a>\nb": {"type": "integer"}}
    bounds = bounds_of(XML.syntax, [Tool("f", None, {"type": "object", "properties": kinds})], least=1)
    assert takes(bounds, written("f", **{"a>": "1"}))
    assert not takes(bounds, written("f", **{"a>\nb": "1"}))


def test_what_raw_text_can_keep_is_in_the_grammar_and_the_rest_is_checked() -> None:
    def bounds(**schema: object) -> AnswerBounds:
        return bounds_of(XML.syntax, [tool("f", s={"type": "string", **schema})], least=1)

    listed = bounds(enum=["a", "a\nb", "x y"])
    assert takes(listed, written("f", s="a\nb"))
    assert not takes(listed, written("f", s="b"))
    assert not compiled(listed, seconds=2).checked
    some = bounds(enum=["a", "bb", "cc"], minLength=2)
    assert takes(some, written("f", s="cc"))
    assert not takes(some, written("f", s="a"))
    either = bounds(anyOf=[{"enum": ["a\n"]}, {"pattern": "^[xy]$"}])
    assert takes(either, written("f", s="a\n"))
    assert takes(either, written("f", s="x"))
    assert not takes(either, written("f", s="a"))
    date = bounds(format="date")
    assert takes(date, written("f", s="2024-02-29"))
    assert not takes(date, written("f", s="2023-02-29"))
    assert not compiled(date, seconds=2).checked
    short = bounds(maxLength=3)
    assert takes(short, written("f", s="abc"))
    assert not takes(short, written("f", s="abcd"))
    long = bounds(minLength=500)
    assert takes(long, written("f", s="abcd"))
    assert compiled(long, seconds=2).checked
