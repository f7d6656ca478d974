"""What each family's models write, raw, and what is to be read of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proxy.events import Content, Done, Event, Reasoning, ToolArguments, ToolStart
from proxy.formats.parser import Start, find_format
from proxy.generation import FinishReason
from proxy.tools import Tool

TOOLS = (
    Tool("f", None, {"type": "object", "properties": {"a": {"type": "integer"}, "s": {"type": "string"}}}),
    Tool("g", None, {"type": "object"}),
    Tool("get-weather_2", None, {"properties": {"city": {"type": "string"}, "at": {"type": "object"}}}),
)
TRICKY = '"}]} </tool_call> [TOOL_CALLS]\\n \\\\ <|end|> न👍 <tool_call>'  # inside a JSON string
TRICKY_VALUE = '"}]} </tool_call> [TOOL_CALLS]\n \\ <|end|> न👍 <tool_call>'


@dataclass(frozen=True)
class Sample:
    """one: f(a=1). two: f(a=1), then g(). nested: get-weather_2(city=TRICKY_VALUE, at={...}), the JSON text of its
    arguments in nested_arguments. gap: what stands between a text and a call. begun: the first characters of what
    would begin a call. unknown: a call to h."""

    format: str
    reasoning: str
    one: str
    two: str | None
    nested: str
    nested_arguments: str
    begun: str
    unknown: str
    gap: str = "\n"
    before_text: str = ""
    after_text: str = ""
    think: str = ""


_ESCAPED = TRICKY.replace('"', '\\"', 1)
_JSON = '{"city": "TRICKY", "at": {"lat": [1.5, {"न": null}], "x": "TRICKY"}}'.replace("TRICKY", _ESCAPED)


def _sample(
    format: str, reasoning: str, call: str, between: str, opening: str = "", closing: str = "", **rest: str
) -> Sample:
    """call: with NAME and ARGUMENTS in it."""

    def made(name: str, arguments: str) -> str:
        return call.replace("NAME", name).replace("ARGUMENTS", arguments)

    f, g = made("f", '{"a": 1}'), made("g", "{}")
    return Sample(
        format,
        reasoning,
        one=opening + f + closing,
        two=opening + f + between + g + closing,
        nested=opening + made("get-weather_2", _JSON) + closing,
        nested_arguments=_JSON,
        unknown=opening + made("h", "{}") + closing,
        **rest,
    )


_TB, _TE = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CB, _CE, _SEP = "<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", "<｜tool▁sep｜>"
_THINK = "<think>\nTHOUGHT\n</think>\n\n"
_XML = """<tool_call>
<function=get-weather_2>
<parameter=city>
VALUE
</parameter>
<parameter=at>
{"lat": [1.5, {"न": null}], "x": "TRICKY"}
</parameter>
</function>
</tool_call>""".replace("TRICKY", _ESCAPED).replace("VALUE", TRICKY_VALUE)

SAMPLES = [
    _sample(
        "hermes",
        "enable_thinking",
        '<tool_call>\n{"name": "NAME", "arguments": ARGUMENTS}\n</tool_call>',
        "\n",
        begun="<tool_",
        think=_THINK,
    ),
    _sample("llama3", "none", '{"name": "NAME", "parameters": ARGUMENTS}', "; ", begun='{"na'),
    _sample(
        "mistral-v3",
        "none",
        '{"name": "NAME", "arguments": ARGUMENTS}',
        ", ",
        "[TOOL_CALLS][",
        "]",
        begun="[TOOL_",
        gap="",
    ),
    _sample(
        "mistral-v11",
        "magistral",
        "[TOOL_CALLS]NAME[ARGS]ARGUMENTS",
        "",
        begun="[TOOL_",
        gap="",
        think="[THINK]THOUGHT[/THINK]",
    ),
    _sample(
        "deepseek-v3",
        "think",
        f"{_CB}function{_SEP}NAME\n```json\nARGUMENTS\n```{_CE}",
        "\n",
        _TB,
        _TE,
        begun="<｜tool",
        gap="",
        think=_THINK,
    ),
    _sample(
        "deepseek-v3.1",
        "thinking",
        f"{_CB}NAME{_SEP}ARGUMENTS{_CE}",
        "",
        _TB,
        _TE,
        begun="<｜tool",
        gap="",
        think="<think>THOUGHT</think>",
    ),
    Sample(
        "harmony",
        "harmony",
        one='<|channel|>commentary to=functions.f <|constrain|>json<|message|>{"a": 1}',
        two=None,
        nested=f"<|channel|>commentary to=functions.get-weather_2 <|constrain|>json<|message|>{_JSON}",
        nested_arguments=_JSON,
        begun="<|chan",
        unknown="<|channel|>commentary to=functions.h <|constrain|>json<|message|>{}",
        gap="<|end|><|start|>assistant",
        before_text="<|channel|>final<|message|>",
        think="<|channel|>analysis<|message|>THOUGHT<|end|><|start|>assistant",
    ),
    Sample(
        "qwen3-coder",
        "none",
        one="<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>",
        two="<tool_call>\n<function=f>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>\n"
        "<tool_call>\n<function=g>\n</function>\n</tool_call>",
        nested=_XML,
        nested_arguments=_JSON,
        begun="<tool_",
        unknown="<tool_call>\n<function=h>\n</function>\n</tool_call>",
    ),
]
GLM = """<tool_call>get-weather_2
<arg_key>city</arg_key>
<arg_value>VALUE</arg_value>
<arg_key>at</arg_key>
<arg_value>{"lat": [1.5, {"न": null}], "x": "TRICKY"}</arg_value>
</tool_call>"""
SAMPLES.append(
    Sample(
        "glm4",
        "glm4",
        one="<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>",
        two="<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>1</arg_value>\n</tool_call>\n<tool_call>g\n</tool_call>",
        nested=GLM.replace("TRICKY", _ESCAPED).replace("VALUE", TRICKY_VALUE),
        nested_arguments=_JSON,
        begun="<tool_",
        unknown="<tool_call>h\n</tool_call>",
        think="\n<think>THOUGHT</think>\n",
    )
)
THINKING = [sample for sample in SAMPLES if sample.think]


def name_of(sample: Sample) -> str:
    return f"{sample.format}+{sample.reasoning}"


def read(
    sample: Sample,
    pieces: Iterable[str],
    *,
    tools: Sequence[Tool] = TOOLS,
    thinking: bool = False,
    must_call: bool = False,
    finish: FinishReason = "stop",
) -> list[Event]:
    """The events, neighbours of one kind joined. Checks that content is written where it says it is."""
    parser = find_format(sample.format, sample.reasoning).parser(Start(thinking, tools, must_call))
    events: list[Event] = []
    fed = ""
    for piece in pieces:
        fed += piece
        events += parser.feed(piece)
    events += parser.finish(finish)
    end = 0
    for event in events:
        if isinstance(event, Content):
            assert fed[event.start : event.start + len(event.text)] == event.text
            assert event.start >= end
            end = event.start + len(event.text)
    return joined(events)


def joined(events: Sequence[Event]) -> list[Event]:
    whole: list[Event] = []
    for event in events:
        last = whole[-1] if whole else None
        if isinstance(event, Content) and isinstance(last, Content):
            whole[-1] = Content(last.text + event.text, last.log_probs + event.log_probs)
        elif isinstance(event, Reasoning) and isinstance(last, Reasoning):
            whole[-1] = Reasoning(last.text + event.text)
        elif isinstance(event, ToolArguments) and isinstance(last, ToolArguments):
            assert event.index == last.index
            whole[-1] = ToolArguments(event.index, last.text + event.text)
        else:
            whole.append(event)
    return whole


def calls(*made: tuple[str, str]) -> list[Event]:
    """The events of whole calls."""
    events: list[Event] = []
    for index, (name, arguments) in enumerate(made):
        events += [ToolStart(index, name), ToolArguments(index, arguments)]
    return events


F, G = ("f", '{"a": 1}'), ("g", "{}")
CALLED = Done("tool_calls")
STOPPED = Done("stop")
CUT = Done("length")
