from __future__ import annotations

import pytest

from proxy.formats.parser import FORMATS, UnknownFormat, find_format
from proxy.formats.reasoning import REASONING, Effort

BUDGETS = {"none": 0, "minimal": 256, "low": 1024, "medium": 4096, "high": None}


def test_without_a_switch_there_are_budgets() -> None:
    for name, budget in BUDGETS.items():
        assert REASONING["think"].effort(name) == REASONING["magistral"].effort(name) == Effort({}, budget)


@pytest.mark.parametrize(
    ("reasoning", "switch"),
    [("enable_thinking", "enable_thinking"), ("glm4", "enable_thinking"), ("thinking", "thinking")],
)
def test_a_switch_is_off_for_none(reasoning: str, switch: str) -> None:
    for name, budget in BUDGETS.items():
        assert REASONING[reasoning].effort(name) == Effort({switch: name != "none"}, budget)


def test_levels_need_no_budget() -> None:
    efforts = {name: REASONING["harmony"].effort(name) for name in BUDGETS}
    assert efforts == {
        "none": Effort({"reasoning_effort": "low"}, 0),
        "minimal": Effort({"reasoning_effort": "low"}, 256),
        "low": Effort({"reasoning_effort": "low"}),
        "medium": Effort({"reasoning_effort": "medium"}),
        "high": Effort({"reasoning_effort": "high"}),
    }


def test_no_effort_asked_for_or_none_to_make() -> None:
    for one in REASONING.values():
        assert one.effort(None) == Effort({}, None)
    for name in BUDGETS:
        assert REASONING["none"].effort(name) == Effort({}, None)


def test_the_end_of_a_prompt_says_whether_it_thinks() -> None:
    think = REASONING["think"]
    assert think.is_thinking("<|im_start|>assistant\n<think>\n")
    assert think.is_thinking("<think>")
    assert not think.is_thinking("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not think.is_thinking("<|im_start|>assistant\n")
    assert not think.is_thinking("<think>\nSo")
    assert REASONING["harmony"].is_thinking("<|start|>assistant<|channel|>analysis<|message|>")
    assert not REASONING["harmony"].is_thinking("<|start|>assistant")
    assert not REASONING["none"].is_thinking("<think>")


def test_every_combination_has_a_name() -> None:
    for name, family in FORMATS.items():
        for reasoning, thought in REASONING.items():
            if family.channels != (reasoning == "harmony"):
                with pytest.raises(UnknownFormat, match="does not go together"):
                    find_format(name, reasoning)
                continue
            found = find_format(name, reasoning)
            assert (found.syntax.calls, found.syntax.thought) == (family.calls, thought.syntax)
            assert set(found.syntax.markers) == {*family.markers, *thought.markers}
            assert found.reasoning is thought


def test_markers_are_those_that_the_syntax_has() -> None:
    """A control token that the detokenizer does not show is one that the parser never sees."""
    for family in FORMATS.values():
        written = repr(family.calls) + family.before_text
        for marker in family.markers:
            assert marker in written or family.channels, marker


def test_unknown_names() -> None:
    with pytest.raises(UnknownFormat, match="no format 'x'; there are plain, "):
        find_format("x")
    with pytest.raises(UnknownFormat, match="no reasoning 'x'; there are none, "):
        find_format("hermes", "x")
