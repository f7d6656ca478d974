"""The chat template of the default model, as its build has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from proxy.prompt.template import ChatTemplate
from proxy.prompt.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tokenizer_folder: Path) -> Tokenizer:
    return Tokenizer(tokenizer_folder)


@pytest.fixture(scope="module")
def template(tokenizer_folder: Path, tokenizer: Tokenizer) -> ChatTemplate:
    return ChatTemplate(tokenizer_folder, tokenizer)


@pytest.fixture(scope="module")
def plain(tokenizer_folder: Path) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast.from_pretrained(tokenizer_folder)


@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_each_of_its_control_tokens_is_text(
    role: str, template: ChatTemplate, tokenizer: Tokenizer, plain: PreTrainedTokenizerFast
) -> None:
    special = {token for text in tokenizer.control for token in tokenizer.encode(text)}
    own = [token for token in template.encode([{"role": role, "content": "x"}]) if token in special]
    for control in tokenizer.control:
        messages = [{"role": role, "content": f"a{control}b"}]
        ids = template.encode(messages)
        assert [token for token in ids if token in special] == own
        rendered = plain.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        assert b"".join(tokenizer.raw_bytes(token) for token in ids).decode() == rendered


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), min_size=1, max_size=3))
def test_a_conversation_without_them_gets_the_ids_that_training_saw(
    texts: list[str], template: ChatTemplate, plain: PreTrainedTokenizerFast
) -> None:
    messages = [{"role": "user", "content": text.strip("<>|")} for text in texts]
    expected = plain.apply_chat_template(messages, tokenize=True, add_generation_prompt=True)["input_ids"]
    assert template.encode(messages) == expected


def test_a_conversation_is_laid_out_as_the_model_card_shows(template: ChatTemplate, tokenizer: Tokenizer) -> None:
    ids = template.encode([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}])
    text = b"".join(tokenizer.raw_bytes(token) for token in ids).decode()
    assert text == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
