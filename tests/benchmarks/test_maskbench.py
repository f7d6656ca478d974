"""The judge of `make maskbench`: what it counts as right, and how it reads grammars and instances."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.maskbench import table
from benchmarks.maskbench.judge import Verdict, judge
from benchmarks.maskbench.order import in_order
from benchmarks.maskbench.reader import END, Reader, Unreadable
from proxy.grammar.json_value import JSON


def judged(folder: Path, schema: JSON, *tests: tuple[bool, JSON]) -> Verdict:
    path = folder / "some.json"
    path.write_text(json.dumps({"schema": schema, "tests": [{"valid": v, "data": data} for v, data in tests]}))
    return judge(path)


def test_the_judge_counts_what_is_right(tmp_path: Path) -> None:
    schema: JSON = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    verdict = judged(tmp_path, schema, (True, [1, 2]), (False, ["1"]), (False, [1, 1]))
    assert verdict.right
    assert (verdict.valid, verdict.invalid, verdict.by_grammar) == (1, 2, 1)
    assert verdict.checked == ("uniqueItems",)
    assert verdict.faults == []


def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"type": "integer"}, (True, "a"), (False, 1))
    assert not verdict.right
    assert (verdict.refused_valid, verdict.let_through) == (1, 1)
    assert verdict.faults[0] == "0: valid, refused after '' at '\"a\"'"
    assert verdict.faults[1].startswith("1: invalid, let through: 1")
    assert "| wholly right | 0 (0.0 %) |" in table.summary([verdict])


def test_the_judge_tells_the_order_of_keys_apart(tmp_path: Path) -> None:
    schema: JSON = {"type": "object", "properties": {"a": True, "b": True}}
    verdict = judged(tmp_path, schema, (True, {"b": 1, "a": 2}))
    assert not verdict.right
    assert verdict.right_in_order


def test_the_judge_survives_a_refusal(tmp_path: Path) -> None:
    verdict = judged(tmp_path, {"enum": []}, (False, 1))
    assert verdict.failure.startswith("refused: #/enum: ")
    assert "| compiled | 0 (0.0 %) |" in table.summary([verdict])


def test_declared_keys_come_first_and_in_order_through_references_and_branches() -> None:
    schema: JSON = {
        "$defs": {"pair": {"properties": {"a": {}, "b": {"properties": {"c": {}, "d": {}}}}}},
        "items": {"allOf": [{"$ref": "#/$defs/pair"}]},
    }
    instance: JSON = [{"x": 0, "b": {"d": 1, "c": 2}, "a": 3}]
    assert json.dumps(in_order(instance, schema, schema)) == '[{"a": 3, "b": {"c": 2, "d": 1}, "x": 0}]'


def test_the_reader_says_how_far_a_text_is_right() -> None:
    reader = Reader('root ::= "[" x "]"\nx ::= "é" | [0-9] x | [0-9]\n')
    assert reader.accepts("[é]")
    assert reader.accepts("[12]")
    assert reader.taken("[12") == "[12"
    assert reader.taken("[1, 2]") == "[1"
    assert reader.written(lambda allowed: END if END in allowed else allowed[-1], 9) == "[é]"


def test_the_reader_can_read_exactly_what_is_written() -> None:
    ebnf = 'root ::= "{" ("\\"ab\\": 1" | "\\"" s "\\": 2") "}"\ns ::= [a-z]* | "\\x41" s\n'
    for text, allowed in (('{"ab": 1}', True), ('{"ax": 2}', True), ('{"Aa": 2}', True), ('{"ax": 1}', False)):
        assert Reader(ebnf, exactly=True).accepts(text) == allowed
    assert not Reader(ebnf).accepts('{"ax": 2}')


@pytest.mark.parametrize("ebnf", ["root ::= nothing\n", "root = 1\n"])
def test_a_grammar_that_cannot_be_read_is_told(ebnf: str) -> None:
    with pytest.raises(Unreadable):
        Reader(ebnf)
