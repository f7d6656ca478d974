"""A finished build without an engine, small enough to read: the ids of a text are its bytes.

Ids 256 and on are control tokens, ``<think>`` among them, which is no special token but a control token
nevertheless.
"""

from __future__ import annotations

import json
from pathlib import Path

from transformers.convert_slow_tokenizer import bytes_to_unicode

from build_engines.recipe import GgufSource, Manifest, ModelSection, Recipe, triton_name

START, END, END_OF_TEXT, THINK = 256, 257, 258, 259
CONTROL = {START: "<|im_start|>", END: "<|im_end|>", END_OF_TEXT: "<|endoftext|>", THINK: "<think>"}
CONTEXT = 600
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_build(
    folder: Path,
    model_id: str = "forii/bytes",
    aliases: tuple[str, ...] = (),
    *,
    template: str = CHATML,
    context: int = CONTEXT,
    format: str = "plain",
    reasoning: str = "none",
) -> Path:
    """What ``forii build`` leaves, as far as the proxy reads it."""
    write_tokenizer(folder / "tokenizer", template)
    recipe = Recipe(
        model=ModelSection(id=model_id, aliases=aliases, format=format, reasoning=reasoning),
        source=GgufSource(kind="gguf", file=Path("bytes.gguf")),
    )
    manifest = Manifest(
        recipe=recipe,
        triton_model=triton_name(model_id),
        context=context,
        vocab_size=260,
        end_ids=(END, END_OF_TEXT),
        pad_id=END_OF_TEXT,
        tokens_per_block=32,
        digest="0123456789ab" + "0" * 52,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
    return folder


def write_tokenizer(folder: Path, template: str) -> Path:
    """The tokenizer folder of such a build."""
    folder.mkdir(parents=True)
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(token, content) for token, content in CONTROL.items()],
        "normalizer": None,
        "pre_tokenizer": level,
        "post_processor": None,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {char: byte for byte, char in bytes_to_unicode().items()},
            "merges": [],
        },
    }
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def _added(token: int, content: str) -> dict[str, object]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": token, "content": content, "special": token != THINK, **flags}
