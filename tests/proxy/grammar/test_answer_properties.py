"""Random tools through every family's grammar and back through its parser: what the one lets through is, to the
other, text and calls whose arguments are JSON and valid."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.bounded_answer import BoundedAnswer
from proxy.grammar.invalid import InvalidSchema
from proxy.grammar.jobs import compiled
from proxy.grammar.json_value import JSON, JSONObject
from proxy.syntax import Thinking
from proxy.tools import Tool
from tests.proxy.grammar.answers import FAMILIES, bounds_of, read, writer
from tests.proxy.grammar.schemas import leaves, schemas, words

_MOST = 3000  # bytes of an answer
_EXAMPLES = os.environ.get("FORII_EXAMPLES")  # so many new ones for each family; by default the same few
_PATIENT = settings(
    deadline=None,
    max_examples=int(_EXAMPLES or 60),
    derandomize=_EXAMPLES is None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
_NAMES = ("f", "get", "get_all", "get-all", "F0", "x" * 64)
_PARAMETERS = ("a", "b", "ab", 'q"', "é", "two words", "<b>")


def _parameters() -> st.SearchStrategy[JSONObject]:
    listed = st.dictionaries(st.sampled_from(_PARAMETERS), leaves | schemas, max_size=4)
    required: st.SearchStrategy[JSON] = st.lists(st.sampled_from(_PARAMETERS), max_size=2, unique=True).map(list)
    listing = words(properties=listed, required=required)
    return listing.map(lambda some: {"type": "object", **some})


tool_sets = st.dictionaries(st.sampled_from(_NAMES), _parameters(), min_size=1, max_size=4).map(
    lambda given: tuple(Tool(name, None, parameters) for name, parameters in given.items())
)


@pytest.mark.parametrize("family", FAMILIES)
@_PATIENT
@given(tool_sets, st.sampled_from((0, 1)), st.sampled_from(("never", "may", "inside")), st.integers(0, 1000))
def test_what_a_grammar_lets_through_its_parser_reads_as_valid_calls(
    family: str, tools: tuple[Tool, ...], least: int, thinking: Thinking, seed: int
) -> None:
    format = FAMILIES[family]
    bounds = bounds_of(format.syntax, tools, least=least)
    try:
        found = compiled(bounds, seconds=2)
    except InvalidSchema as error:
        note(str(error))
        assume(False)
    ebnf = found.ebnf(thinking)
    note(ebnf)
    text = Reader(ebnf, exactly=True).written(writer(format.syntax, seed), _MOST)
    assume(text is not None)
    assert text is not None
    note(repr(text))
    inside = thinking == "inside" and format.syntax.thought is not None
    said, _, finish = read(format, tools, text, thinking=inside)
    note(repr(said))
    assert finish == ("tool_calls" if said.calls else "stop")
    assert len(said.calls) >= least
    wrong = BoundedAnswer(bounds, 2).judge(unique_keys=found.checked).violation(said)
    assert wrong is None or found.checked, wrong
    assert all(isinstance(json.loads(arguments), dict) for _, arguments in said.calls)
    assert not [marker for marker in format.syntax.markers if marker in said.content]
