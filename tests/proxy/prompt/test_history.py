"""What templates can be told is found out, and each is told what it can take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.formats.parser import find_format
from proxy.prompt.abilities import Abilities
from proxy.prompt.extras import Extras
from proxy.prompt.template import ChatTemplate
from proxy.prompt.tokenizer import Tokenizer
from proxy.tools import Tool
from tests.proxy.byte_model import CHATML, CONTROL, write_tokenizer
from tests.proxy.prompt.habits import KNOWS_ALL, KNOWS_NOTHING, ONE_CALL, OWN_THOUGHT, SHORT_IDS, TEXT_ARGUMENTS

TOOL = Tool(
    "look", "Looks <|im_end|> up.", {"type": "object", "properties": {"<|im_start|>": {"enum": ["<think>"]}}}
)
CITY = {"city": 'नई "दिल्ली"'}
TOLD = [
    '{"type": "function", "function": {"name": "look", "description": "Looks <|im_end|> up.", "parameters": ',
    '{"type": "object", "properties": {"<|im_start|>": {"enum": ["<think>"]}}}}}',
]


class Model:
    def __init__(self, folder: Path, template: str, format: str) -> None:
        write_tokenizer(folder, template)
        self.tokenizer = Tokenizer(folder)
        self.template = ChatTemplate(folder, self.tokenizer, find_format(format).syntax.calls)

    @property
    def abilities(self) -> Abilities:
        return self.template.abilities

    def prompt(self, *messages: Mapping[str, object], tools: Sequence[Tool] = (), **arguments: object) -> str:
        ids = self.template.encode(messages, Extras(tuple(tools), arguments))
        return b"".join(map(self.tokenizer.raw_bytes, ids)).decode()

    def controls(self, *messages: Mapping[str, object], tools: Sequence[Tool] = ()) -> int:
        return sum(token in CONTROL for token in self.template.encode(messages, Extras(tuple(tools))))


Make = Callable[..., Model]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    made: dict[tuple[str, str], Model] = {}

    def model(template: str, format: str = "hermes") -> Model:
        if (template, format) not in made:
            made[template, format] = Model(tmp_path_factory.mktemp("habit") / "tokenizer", template, format)
        return made[template, format]

    return model


def call(identity: str, name: str = "look", **arguments: object) -> dict[str, object]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(text: str) -> dict[str, object]:
    return {"role": "user", "content": text}


def calling(*calls: Mapping[str, object], content: str = "") -> dict[str, object]:
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


def result(identity: str, content: str) -> dict[str, object]:
    return {"role": "tool", "tool_call_id": identity, "name": "look", "content": content}


@pytest.mark.parametrize(
    ("template", "abilities"),
    [
        (
            KNOWS_ALL,
            Abilities(tools=True, calls=True, results=True, thought="reasoning_content", thought_beside_text=True),
        ),
        (ONE_CALL, Abilities(tools=True, calls=True, results=True, many_calls=False)),
        (
            SHORT_IDS,
            Abilities(
                calls=True,
                short_ids=True,
                text_beside_calls=False,
                results=True,
                repeated_user=False,
                after_result=False,
            ),
        ),
        (
            TEXT_ARGUMENTS,
            # Where content is not null it stands in the calls' place.
            Abilities(
                calls=True,
                text_arguments=True,
                null_content=True,
                text_beside_calls=False,
                results=True,
            ),
        ),
        (KNOWS_NOTHING, Abilities(system=False, repeated_user=False)),
        (CHATML, Abilities()),
    ],
    ids=["all", "one call", "short ids", "text arguments", "nothing", "chatml"],
)
def test_what_a_template_can_be_told_is_found_out(template: str, abilities: Abilities, make: Make) -> None:
    assert make(template).abilities == abilities


@pytest.mark.parametrize(("content", "shown"), [("", "Hm."), ("Look:", "Look:")])
def test_a_thought_is_told_in_the_templates_own_field(content: str, shown: str, make: Make) -> None:
    """Once, before the first of its calls; not where the template takes either it or a text."""
    assert make(OWN_THOUGHT).abilities.thought in ("reasoning_content", "thinking")
    asked = {**calling(call("c1"), call("c2"), content=content), "reasoning_content": "Hm."}
    text = make(OWN_THOUGHT).prompt(user("Hi"), asked, result("c1", "warm"), result("c2", "cold"))
    assert f"<a>{shown}</a><c>look {{}}</c><o>warm</o><c>look {{}}</c><o>cold</o>" in text
    assert text.count("<a>") == 1


def test_one_that_knows_all_is_told_all_as_it_is(make: Make) -> None:
    text = make(KNOWS_ALL).prompt(
        user("Hi"),
        calling(call("c1", **CITY), call("c2"), content="Look:"),
        result("c2", "two"),
        result("c1", "one"),
        tools=[TOOL],
    )
    assert text == (
        f"<|im_start|>system\n{''.join(TOLD)}\n<|im_end|><|im_start|>user\nHi<|im_end|><|im_start|>assistant\nLook:"
        f"<c>look {json.dumps(CITY, ensure_ascii=False)}</c><c>look {{}}</c><|im_end|>"
        "<|im_start|>user\n<r>one</r><|im_end|><|im_start|>user\n<r>two</r><|im_end|><|im_start|>assistant\n"
    )


def test_a_template_without_tools_is_given_a_system_message_that_tells_of_them(make: Make) -> None:
    model = make(CHATML)
    alone = model.prompt(user("Hi"), tools=[TOOL])
    assert alone.startswith("<|im_start|>system\nYou can call functions")
    assert "".join(TOLD) in alone
    assert '<tool_call>\n{"name": "function_name", "arguments": {"argument": "value"}}\n</tool_call>' in alone
    with_system = model.prompt({"role": "system", "content": "Be brief."}, user("Hi"), tools=[TOOL])
    assert with_system == alone.replace("system\n", "system\nBe brief.\n\n", 1)
    assert model.controls(user("Hi"), tools=[TOOL]) == model.controls(
        {"role": "system", "content": "x"}, user("Hi")
    )


def test_one_that_takes_no_system_message_is_told_in_the_first_question(make: Make) -> None:
    text = make(KNOWS_NOTHING).prompt(user("Hi"), tools=[TOOL])
    assert text.startswith("<|im_start|>user\nYou can call functions")
    assert text.endswith("\n\nHi<|im_end|><|im_start|>assistant")


@pytest.mark.parametrize("format", ["hermes", "deepseek-v3", "mistral-v11", "qwen3-coder"])
def test_calls_that_a_template_does_not_write_are_in_the_familys_words(format: str, make: Make) -> None:
    text = make(CHATML, format).prompt(
        user("Hi"), calling(call("c1", **CITY), content="Look:"), result("c1", "one")
    )
    syntax = find_format(format).syntax.calls
    assert syntax is not None
    assert f"assistant\nLook:\n{syntax.trigger}" in text
    assert f"{syntax.before_name}look" in text
    assert "नई " in text
    assert "<|im_start|>user\n<tool_response>\none\n</tool_response><|im_end|>" in text


def test_one_that_writes_one_call_at_once_gets_them_one_by_one_with_their_results(make: Make) -> None:
    text = make(ONE_CALL).prompt(
        user("Hi"),
        calling(call("c1", a=1), call("c2", b=2)),
        result("c2", "two"),
        result("c1", "one"),
        user("So?"),
    )
    assert re.findall(r'"parameters": ({.*?})}|ipython\n(\w+)', text) == [
        ('{"a": 1}', ""), ("", "one"), ('{"b": 2}', ""), ("", "two"),
    ]  # fmt: skip


def test_ids_are_shortened_alike_in_calls_and_results_and_short_ones_stay(make: Make) -> None:
    model = make(SHORT_IDS)
    text = model.prompt(
        user("Hi"),
        calling(call("call_forii_1"), call("abc123DEF"), content="text"),
        result("call_forii_1", "one"),
        result("abc123DEF", "two"),
        user("So?"),
    )
    ids = re.findall(r"} (\w{9})|one (\w{9})|two (\w{9})", text)
    assert [one or other or third for one, other, third in ids] == [ids[0][0], "abc123DEF", ids[0][0], "abc123DEF"]
    assert "[assistant][user]So?" in text
    assert model.prompt(user("Hi"), user("you")) == "[user]Hi\n\nyou"


def test_arguments_as_text_and_content_as_null_where_a_template_wants_them_so(make: Make) -> None:
    text = make(TEXT_ARGUMENTS).prompt(
        user("Hi"), calling(call("c1", **CITY), content="text"), result("c1", "one")
    )
    assert f"<c>function look {json.dumps(CITY, ensure_ascii=False)}</c><o>one</o>" in text


def test_results_and_a_question_behind_them_are_one_turn_where_roles_alternate(make: Make) -> None:
    text = make(KNOWS_NOTHING).prompt(
        user("Hi"), calling(call("c1"), call("c2")), result("c1", "one"), result("c2", "two"), user("So?")
    )
    assert text.endswith(
        "<|im_start|>user\n<tool_response>\none\n</tool_response>\n<tool_response>\ntwo\n</tool_response>\n\nSo?"
        "<|im_end|><|im_start|>assistant"
    )


def test_a_model_without_calls_is_told_as_the_client_said_it(make: Make) -> None:
    text = make(CHATML, "plain").prompt(user("Hi"), calling(call("c1"), content="text"), result("c1", "one"))
    assert "assistant\ntext<|im_end|>" in text
    assert "<|im_start|>tool\none<|im_end|>" in text


def test_arguments_of_the_template_reach_it(make: Make) -> None:
    model = make(KNOWS_ALL)
    assert model.prompt(user("Hi"), enable_thinking=False).endswith("assistant\n<think>\n\n</think>\n\n")
    assert model.prompt(user("Hi"), enable_thinking=True).endswith("assistant\n")


texts = st.lists(
    st.sampled_from([*CONTROL.values(), "<tool_call>", "<|im_", "end|>", '"', "\\", "न", "a"]), max_size=4
)


@settings(max_examples=60, deadline=None)
@given(spelled=st.lists(texts.map("".join), min_size=6, max_size=6), template=st.sampled_from([KNOWS_ALL, CHATML]))
def test_no_text_of_tools_calls_or_results_becomes_a_control_token(
    spelled: list[str], template: str, make: Make
) -> None:
    model = make(template)

    def controls(description: str, key: str, value: str, argument: str, content: str, answer: str) -> int:
        tool = Tool("look", description, {"type": "object", "properties": {f"k{key}": {"enum": [value]}}})
        asked = calling(call("c1", **{f"x{argument}": argument}), content=content)
        return model.controls(user("Hi"), asked, result("c1", answer), tools=[tool])

    assert controls(*spelled) == controls(*"dkvaca")
