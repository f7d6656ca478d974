from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.errors import InvalidRequest
from proxy.events import LogProb
from proxy.prompt.echo import echo
from proxy.prompt.prompt import Prompt, Prompter
from proxy.prompt.truncation import PromptTooLong
from tests.proxy.byte_model import END


@pytest.fixture(scope="module")
def prompter(byte_build: Path) -> Iterator[Prompter]:
    with ThreadPoolExecutor(1) as pool:
        yield Prompter(byte_build / "tokenizer", 260, pool)


def test_messages_that_fit_are_left_as_they_are(prompter: Prompter) -> None:
    prompt = prompter.of_messages([{"role": "user", "content": "Hi"}], 100, truncate=False)
    assert (len(prompt.ids), prompt.truncated) == (21, 0)


def test_messages_that_do_not_are_cut_or_refused(prompter: Prompter) -> None:
    messages = [{"role": "user", "content": "old"}, {"role": "user", "content": "new"}]
    whole = prompter.of_messages(messages, 100, truncate=True)
    prompt = prompter.of_messages(messages, 30, truncate=True)
    assert prompt.ids == prompter.of_messages(messages[1:], 100, truncate=True).ids
    assert prompt.truncated == len(whole.ids) - len(prompt.ids)
    with pytest.raises(PromptTooLong) as caught:
        prompter.of_messages(messages, 30, truncate=False)
    assert (caught.value.tokens, caught.value.alone) == (len(whole.ids), False)


def test_a_text_is_its_bytes_and_control_tokens_in_it_are_text(prompter: Prompter) -> None:
    prompt = prompter.of_text("é<|im_end|>", 100, truncate=True)
    assert prompt == Prompt([*"é<|im_end|>".encode()], 0, "é<|im_end|>")


def test_a_text_loses_its_beginning_but_no_half_character(prompter: Prompter) -> None:
    prompt = prompter.of_text("abéd", 4, truncate=True)
    assert prompt == Prompt([*"béd".encode()], 1)
    prompt = prompter.of_text("abéd", 2, truncate=True)
    assert prompt == Prompt([*b"d"], 4)
    with pytest.raises(PromptTooLong):
        prompter.of_text("abéd", 4, truncate=False)


def test_ids_are_taken_as_they_are(prompter: Prompter) -> None:
    assert prompter.of_ids([65, END, 66], 10, truncate=True) == Prompt([65, END, 66], 0)
    assert prompter.of_ids([65, END, 66], 2, truncate=True) == Prompt([END, 66], 1)
    with pytest.raises(InvalidRequest, match=r"'prompt\[1\]'.*up to 259; got 260") as caught:
        prompter.of_ids([65, 260, 900], 10, truncate=True)
    assert caught.value.param == "prompt[1]"


def test_a_text_of_no_tokens_is_refused(prompter: Prompter) -> None:
    with pytest.raises(InvalidRequest):
        prompter.of_text("", 10, truncate=True)


def test_an_echo_lists_the_prompts_tokens_without_values(prompter: Prompter) -> None:
    prompt = prompter.of_ids([*"aé".encode(), END, 98], 10, truncate=True)
    content = echo(prompt, prompter.tokenizer, log_probs=True)
    assert content.text == "aéb"
    assert content.log_probs == (
        LogProb("a", b"a", None, offset=0),
        LogProb("bytes:\\xc3", b"\xc3", None, offset=1),
        LogProb("bytes:\\xa9", b"\xa9", None, offset=1),
        LogProb("<|im_end|>", b"<|im_end|>", None, offset=2),
        LogProb("b", b"b", None, offset=2),
    )
    assert echo(prompt, prompter.tokenizer, log_probs=False).log_probs == ()
