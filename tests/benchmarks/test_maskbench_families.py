from __future__ import annotations

import pytest

from benchmarks.maskbench import SAMPLE
from benchmarks.maskbench.families import Row, cases, table
from benchmarks.maskbench.reader import Reader
from benchmarks.maskbench.steps import Answer
from benchmarks.maskbench.tools import bfcl_tools
from proxy.formats.parser import FORMATS
from proxy.tools import Tool


def test_every_family_that_calls_is_measured_with_few_and_with_many_tools() -> None:
    tools = [Tool(name, None, {"type": "object"}) for name in ("f", "g")]
    found = dict(cases(tools))
    families = {name.split()[0] for name in found}
    assert families == set(FORMATS) - {"plain"}
    for family in families:
        for words in ("required", "auto", " 1 tools", " 2 tools"):
            assert any(name.startswith(family) and words in name for name in found), (family, words)
    for ebnf in found.values():
        Reader(ebnf)


def test_the_table_tells_medians_and_what_went_wrong() -> None:
    plain = [Answer(0.01, (0.002, 0.004))]
    rows = [
        Row("one", Answer(0.5), [Answer(0.02, (0.003, 0.005), whole=True), Answer(0.04, (0.003,))]),
        Row("two", Answer(failure="no"), [], "it differs"),
    ]
    lines = table(rows, plain).splitlines()
    assert lines[0] == "unconstrained: first token 10 ms, a token 3.0 ms"
    assert lines[-2] == "| one | 500 | 30 | 3.0 | 5.0 | 1 of 2 |  |"
    assert lines[-1] == "| two | - | - | - | - | 0 of 0 | it differs |"


@pytest.mark.skipif(not any(SAMPLE.glob("BFCL_*.json")), reason=f"SKIPPED: no BFCL schemas in {SAMPLE}")
def test_the_functions_of_the_sample_have_names_that_tools_may_have() -> None:
    tools = bfcl_tools()
    assert len(tools) > 60
    assert len({tool.name for tool in tools}) == len(tools)
    for tool in tools:
        assert tool.name.replace("_", "").replace("-", "").isalnum()
        assert len(tool.name) <= 64
        assert tool.parameters["type"] == "object"
