"""What models write that is not quite their family's: what of it is understood, and what becomes of the rest."""

from __future__ import annotations

import json

import pytest

from proxy.events import Content, Event, Reasoning, ToolArguments, ToolStart
from tests.proxy.formats.samples import CALLED, CUT, SAMPLES, STOPPED, F, G, Sample, calls, joined, read

BY_FORMAT = {sample.format: sample for sample in SAMPLES}
HERMES, LLAMA, V3, V11 = (BY_FORMAT[name] for name in ("hermes", "llama3", "mistral-v3", "mistral-v11"))
DEEPSEEK, HARMONY, CODER, GLM = (BY_FORMAT[name] for name in ("deepseek-v3", "harmony", "qwen3-coder", "glm4"))
JSON = "<|constrain|>json<|message|>"
TO_F = "<|channel|>commentary to=functions.f"


def both(sample: Sample, text: str) -> list[Event]:
    """Whole and character by character."""
    events = read(sample, [text])
    assert events == read(sample, list(text))
    return events


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (HERMES, '<tool_call>{"name":"f","arguments":{"a": 1}}</tool_call><tool_call>{"name":"g","arguments":{}}'),
        (HERMES, '<tool_call>\n\n{ "name" : "f", "arguments" :\n{"a": 1} }\n\n</tool_call>' + HERMES.one[:12]),
        (HERMES, HERMES.one + "\n \n"),
        (HERMES, HERMES.one.removesuffix("</tool_call>")),
        (LLAMA, '<|python_tag|>{"name": "f", "parameters": {"a": 1}}'),
        (LLAMA, '{"name": "f" ,"parameters":{"a": 1}}\n{"name":"g","parameters":{}}'),
        (
            V3,
            '[TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "abc}\\"23de"}, {"name":"g","arguments":{}}',
        ),
        (V11, '[TOOL_CALLS]f[CALL_ID]abc123def[ARGS]{"a": 1}[TOOL_CALLS] g [CALL_ID]abc123deg[ARGS] {}'),
        (DEEPSEEK, DEEPSEEK.one.replace("\n", "")),
        (HARMONY, ' to=functions.f<|channel|>commentary json<|message|>{"a": 1}<|call|>'),
        (HARMONY, TO_F + '<|constrain|>json<|message|>{"a": 1}'),
        (HARMONY, TO_F + ' <|constrain|>json {"a": 1}<|call|>'),
        (HARMONY, TO_F + ' json<|message|>\n{"a": 1}<|end|><|start|>assistant'),
        (HARMONY, '<|channel|>commentary to=f<|message|>{"a": 1}'),
        (GLM, "<tool_call>f<arg_key>a</arg_key><arg_value>1</arg_value></tool_call><tool_call>g</tool_call>"),
        (CODER, "<tool_call><function=f>\n<parameter=a>\n1\n</parameter>\n</function></tool_call>"),
    ],
)
def test_it_is_understood(sample: Sample, text: str) -> None:
    expected = calls(F, G) if '"g"' in text or ">g<" in text or " g " in text else calls(F)
    ending = CUT if text.endswith(HERMES.one[:12]) else CALLED
    assert both(sample, text) == [*expected, ending]


@pytest.mark.parametrize(
    ("sample", "text"),
    [
        (HERMES, "<tool_call>"),
        (HERMES, '<tool_call>\n{"arguments": {"a": 1}, "name": "f"}\n</tool_call>'),
        (HERMES, '<tool_call>\n{"name": "f f", "arguments": {}}'),
        (LLAMA, '{"name": "Ada", "age": 36}'),
        (LLAMA, '{"name": "f, or g"'),
        (LLAMA, '\n{"name": "f", "parameters": {}}'),
        (LLAMA, '{"name":"f", "parameters": {}}'),
        (LLAMA, '< |python_tag|>{"name": "f", "parameters": {}}'),
        (HERMES, '< tool_call>\n{"name": "f", "arguments": {}}'),
        (HERMES, "< think>Hm.</think>"),
        (LLAMA, 'See: {"name": "f", "parameters": {}}'),
        (V3, "[TOOL_CALLS] is what I write"),
        (V11, "[TOOL_CALLS]f!"),
        (CODER, "<tool_call>\n<function=h>\n</function>\n</tool_call> and so on"),
    ],
)
def test_what_is_no_call_is_text(sample: Sample, text: str) -> None:
    events = both(sample, text)
    if text == "<tool_call>":
        assert events == [CUT], "it was about to call"
    elif "f f" in text or "f, or" in text or text.endswith("f!"):
        # The name of a tool was whole, so the client has heard of it.
        assert events == [ToolStart(0, "f"), CUT]
    else:
        assert events == [Content(text), STOPPED]


def test_a_call_that_goes_wrong_ends_what_is_shown() -> None:
    for arguments in ("[1]", '"{}"', "1", '{"a": 1}]}'):
        text = '<tool_call>\n{"name": "f", "arguments": ' + arguments + "}\n</tool_call> Done."
        events = both(HERMES, text)
        shown = [ToolArguments(0, '{"a": 1}')] if arguments.startswith("{") else []
        assert events == [ToolStart(0, "f"), *shown, CUT]


def test_text_behind_calls_is_content() -> None:
    events = both(HERMES, HERMES.one + "\nDone. " + HERMES.one.replace('"f"', '"g"').replace('"a": 1', ""))
    assert events == [*calls(F), Content("\nDone."), ToolStart(1, "g"), ToolArguments(1, "{}"), CALLED]
    assert both(V3, V3.one + " Done.") == [*calls(F), Content(" Done."), CALLED]
    assert both(V11, V11.one + "Done.") == [*calls(F), Content("Done."), CALLED]
    assert both(CODER, CODER.one + "\n\nDone.") == [*calls(F), Content("\n\nDone."), CALLED]


def test_a_second_call_that_is_none_is_text_behind_the_first() -> None:
    text = f"{HERMES.one}\n{HERMES.unknown}"
    assert both(HERMES, text) == [*calls(F), Content("\n" + HERMES.unknown), CALLED]
    assert both(V3, V3.one[:-1] + ', {"name": "h"}]') == [*calls(F), Content(', {"name": "h"}]'), CALLED]


def test_a_call_follows_one_that_is_none() -> None:
    text = f"{HERMES.unknown}\n{HERMES.one}"
    assert both(HERMES, text) == [Content(HERMES.unknown), *calls(F), CALLED]
    assert both(HERMES, "<tool_call>\n" + HERMES.one) == [Content("<tool_call>"), *calls(F), CALLED]


def test_arguments_come_as_they_are_written() -> None:
    pieces = ['<tool_call>\n{"name": "f', '"', ', "arguments": {"a', '": [1, ', "2]}", "}\n", "</tool_call>"]
    parser_events = []
    for end in range(1, len(pieces) + 1):
        parser_events.append(read(HERMES, pieces[:end], finish="length")[:-1])
    assert parser_events == [
        [],
        [ToolStart(0, "f")],
        [ToolStart(0, "f"), ToolArguments(0, '{"a')],
        [ToolStart(0, "f"), ToolArguments(0, '{"a": [1, ')],
        *[[ToolStart(0, "f"), ToolArguments(0, '{"a": [1, 2]}')]] * 3,
    ]


@pytest.mark.parametrize(
    ("text", "events"),
    [
        ("<|channel|>final<|message|>Hi.<|return|>", [Content("Hi."), STOPPED]),
        ("<|channel|>final <|constrain|>json<|message|>{}", [Content("{}"), STOPPED]),
        ("<|channel|>final junk here<|message|>Hi.", [Content("Hi."), STOPPED]),
        ("<|channel|>final<|channel|>final<|message|>Hi.", [Content("Hi."), STOPPED]),
        ('<|channel|>final {"a": 1}', [Content('{"a": 1}'), STOPPED]),
        ("<|channel|>final Hi.<|end|>", [Content("Hi."), STOPPED]),
        ("<|channel|>final Hi.", [Content("Hi."), STOPPED]),
        ("Hi.", [Content("Hi."), STOPPED]),
        ('{"a": 1}', [Content('{"a": 1}'), STOPPED]),
        ("Hi. " * 200, [Content("Hi. " * 200), STOPPED]),
        ("<|message|>Hi.", [Content("Hi."), STOPPED]),
        ("<|channel|>analysis to=browser.search code<|message|>x<|call|>", [Reasoning("x"), STOPPED]),
        ("<|channel|>commentary to=python<|message|>x", [Content("x"), STOPPED]),
        ("<|channel|>analysis<|message|>A.<|end|>", [Reasoning("A."), STOPPED]),
        ("<|channel|>analysis<|message|>A.<|end|><|start|>assistant", [Reasoning("A."), STOPPED]),
        (
            "<|channel|>analysis<|message|>A.\n<|end|><|start|>assistant<|channel|>analysis<|message|>B.<|end|>"
            "<|start|>assistant<|channel|>final<|message|>C.",
            [Reasoning("A.\nB."), Content("C."), STOPPED],
        ),
        (TO_F + " <|call|>", [ToolStart(0, "f"), CUT]),
        (TO_F + f" {JSON}<|call|>", [ToolStart(0, "f"), CUT]),
        (TO_F + f" {JSON}print(1)<|call|>", [ToolStart(0, "f"), CUT]),
        (TO_F, [CUT]),
        (
            TO_F + f' {JSON}{{"a": 1}}<|end|><|start|>assistant{TO_F.replace(".f", ".g")}{JSON}{{}}',
            [*calls(F, G), CALLED],
        ),
    ],
)
def test_malformed_headers_never_fail(text: str, events: list[Event]) -> None:
    assert both(HARMONY, text) == events


def test_a_header_that_is_cut_shows_nothing() -> None:
    header = "<|channel|>final <|constrain|>json<|message|>"
    for end in range(len("<|channel|>"), len(header)):
        assert read(HARMONY, list(header[:end]), finish="length") == [CUT]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("1", "1"),
        ("-1.5e3", "-1.5e3"),
        ("true", "true"),
        ("False", "false"),
        ("None", "null"),
        ("NULL", "null"),
        ("NaN", '"NaN"'),
        ('word "x"\nline', '"word \\"x\\"\\nline"'),
        ("", '""'),
        ("001", '"001"'),
        ('{"x": "\\n</parameter>\\n</function>"}', '{"x": "\\n</parameter>\\n</function>"}'),
        ('"<parameter="', '"<parameter="'),
        ("[1, [2]]", "[1, [2]]"),
        (' {"x": 1}', '{"x": 1}'),
    ],
)
def test_values_that_are_no_strings(written: str, meant: str) -> None:
    text = f"<tool_call>\n<function=f>\n<parameter=a>\n{written}\n</parameter>\n</function>\n</tool_call>"
    assert both(CODER, text) == [*calls(("f", f'{{"a": {meant}}}')), CALLED]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a\n</parameter><parameter=b>\nc\n</parameter></function>",
        "001",
        "true",
        "a\n</parameter>\nb",
        "\n\n",
        "</parameter>",
        '{"x": 1}',
        "<parameter=a>",
    ],
)
def test_strings_are_what_is_written(value: str) -> None:
    text = f"<tool_call>\n<function=f>\n<parameter=s>\n{value}\n</parameter>\n</function>\n</tool_call>"
    (start, arguments, done) = both(CODER, text)
    assert isinstance(arguments, ToolArguments)
    assert json.loads(arguments.text) == {"s": value}
    assert (start, done) == (ToolStart(0, "f"), CALLED)


def test_neighbours_are_joined() -> None:
    assert joined([Content("a"), Content("b"), Reasoning("c")]) == [Content("ab"), Reasoning("c")]
