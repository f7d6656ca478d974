from __future__ import annotations

import pytest

from proxy.calls import Call, write_calls
from proxy.formats.parser import FORMATS
from proxy.syntax import CallSyntax
from proxy.tools import Tool
from tests.proxy.formats.samples import SAMPLES, TOOLS, Sample, name_of


def syntax_of(name: str) -> CallSyntax:
    syntax = FORMATS[name].calls
    assert syntax is not None
    return syntax


@pytest.mark.parametrize("sample", SAMPLES, ids=name_of)
def test_calls_are_written_as_the_model_does(sample: Sample) -> None:
    syntax = syntax_of(sample.format)
    f, g = Call("f", '{"a": 1}'), Call("g", "{}")
    assert write_calls([f], syntax, TOOLS) == sample.one
    if sample.two is not None:
        assert write_calls([f, g], syntax, TOOLS) == sample.two
    assert write_calls([Call("get-weather_2", sample.nested_arguments)], syntax, TOOLS) == sample.nested


def test_a_string_is_bare_where_it_can_be_nothing_else() -> None:
    syntax = syntax_of("qwen3-coder")
    tool = Tool("f", None, {"properties": {"s": {"type": "string"}, "any": {}}})
    call = Call("f", '{"s": "1", "any": "1"}')
    written = write_calls([call], syntax, [tool])
    assert "<parameter=s>\n1\n</parameter>" in written
    assert '<parameter=any>\n"1"\n</parameter>' in written
    assert "<parameter=any>\n1\n</parameter>" in write_calls([call], syntax), "of an unknown tool by its value"


def test_arguments_that_are_no_object_have_no_parameters() -> None:
    for arguments in ("[1]", "{", "null"):
        with pytest.raises(ValueError, match=r"no JSON object|Expecting"):
            write_calls([Call("f", arguments)], syntax_of("qwen3-coder"))
