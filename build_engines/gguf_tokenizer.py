"""The vocabulary of a GGUF file in, a Hugging Face style tokenizer folder out::

    tokenizer.json          vocabulary, merges, pre-tokenizer, special tokens
    tokenizer_config.json   chat template, bos, eos, pad and unk tokens, model_max_length
    generation_config.json  the ids that end a turn

GGUF keeps of the pre-tokenizer only a name, so this module has a table of what the names mean; the splits are
those of the models' own tokenizer.json files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

from build_engines.gguf_model import GgufError, GgufModel, Vocabulary

_UNKNOWN, _CONTROL, _USER_DEFINED, _BYTE = 2, 3, 4, 6

# Control tokens that end a turn or a text in some family of models, whatever the file names as eos.
_WELL_KNOWN_ENDS = (
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<|end|>",
    "<|end▁of▁sentence|>",
    "<end_of_turn>",
    "</s>",
)

_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _gpt2(tokenizer: Tokenizer) -> None:
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


def _smollm(tokenizer: Tokenizer) -> None:
    """GPT-2's split after every digit is cut off by itself."""
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])


def _llama3(tokenizer: Tokenizer) -> None:
    """Up to three digits together; a word that is itself a token is not merged from its letters."""
    tokenizer.pre_tokenizer = _split(_SPLIT.format(numbers=r"\p{N}{1,3}"))
    tokenizer.model.ignore_merges = True


def _qwen2(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _split(_SPLIT.format(numbers=r"\p{N}"))


def _split(pattern: str) -> pre_tokenizers.PreTokenizer:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level])


PRE_TOKENIZERS: dict[str, Callable[[Tokenizer], None]] = {
    "default": _gpt2,
    "gpt-2": _gpt2,
    "smollm": _smollm,
    "llama3": _llama3,
    "llama-v3": _llama3,
    "llama-bpe": _llama3,
    "qwen2": _qwen2,
    "deepseek-r1-qwen": _qwen2,
}


def write_tokenizer(model: GgufModel, folder: Path) -> tuple[int, ...]:
    """Writes the tokenizer folder, which must not exist, and loads it once to see that it works.

    Returns the ids that end a turn; the first is the one with which the chat template closes an assistant's
    turn. Raises GgufError for a kind of vocabulary or a pre-tokenizer that is not known, for merges that do
    not fit the vocabulary, for a chat template that does not render and for a model without an end of turn.
    """
    tokenizer = _tokenizer(model)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    candidates = _end_candidates(model)
    _write_json(folder / "tokenizer_config.json", _config(model, candidates[0]))
    ends = _ends_by_template(model, folder, candidates)
    _write_json(folder / "tokenizer_config.json", _config(model, ends[0]))
    _write_json(
        folder / "generation_config.json", {"eos_token_id": list(ends), "pad_token_id": pad_id(model, ends)}
    )
    return ends


def pad_id(model: GgufModel, ends: Sequence[int]) -> int:
    """The model's padding id, or its first end of turn where it has none."""
    padding = model.vocabulary.padding
    return ends[0] if padding is None else padding


def _tokenizer(model: GgufModel) -> Tokenizer:
    vocabulary = model.vocabulary
    makers = {"gpt2": _byte_level, "llama": _sentence_piece}
    if vocabulary.kind not in makers:
        raise GgufError(
            f"{model.path}: tokenizer kind {vocabulary.kind!r} cannot be served; known are {', '.join(makers)}"
        )
    if vocabulary.kind == "gpt2" and vocabulary.pre not in PRE_TOKENIZERS:
        raise GgufError(
            f"{model.path}: pre-tokenizer {vocabulary.pre!r} is not known; known are {', '.join(PRE_TOKENIZERS)}"
        )
    try:
        tokenizer = makers[vocabulary.kind](vocabulary)
    except Exception as error:  # the tokenizers package raises nothing narrower
        raise GgufError(f"{model.path}: merges do not fit the vocabulary ({error})") from error
    for text, kind in zip(vocabulary.tokens, vocabulary.types, strict=True):
        if kind in (_CONTROL, _USER_DEFINED):
            tokenizer.add_tokens([AddedToken(text, special=kind == _CONTROL, normalized=False)])
    if vocabulary.bos is not None and _adds_bos(vocabulary):
        bos = vocabulary.tokens[vocabulary.bos]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, vocabulary.bos)]
        )
    return tokenizer


def _adds_bos(vocabulary: Vocabulary) -> bool:
    if vocabulary.add_bos is not None:
        return vocabulary.add_bos
    return vocabulary.kind == "llama" or PRE_TOKENIZERS[vocabulary.pre] is _llama3


def _byte_level(vocabulary: Vocabulary) -> Tokenizer:
    pairs = [merge.partition(" ") for merge in vocabulary.merges]
    tokenizer = Tokenizer(BPE(_ids(vocabulary), [(left, right) for left, _, right in pairs]))
    PRE_TOKENIZERS[vocabulary.pre](tokenizer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentence_piece(vocabulary: Vocabulary) -> Tokenizer:
    unknown = None if vocabulary.unknown is None else vocabulary.tokens[vocabulary.unknown]
    model = BPE(_ids(vocabulary), _merges(vocabulary), unk_token=unknown, fuse_unk=True, byte_fallback=True)
    tokenizer = Tokenizer(model)
    spaces: list[normalizers.Normalizer] = [normalizers.Replace(" ", "▁")]
    text: list[decoders.Decoder] = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    if vocabulary.add_space_prefix is not False:
        spaces.insert(0, normalizers.Prepend("▁"))
        text.append(decoders.Strip(" ", 1, 0))
    tokenizer.normalizer = normalizers.Sequence(spaces)
    tokenizer.decoder = decoders.Sequence(text)
    return tokenizer


def _ids(vocabulary: Vocabulary) -> dict[str, int]:
    return {text: index for index, text in enumerate(vocabulary.tokens)}


def _merges(vocabulary: Vocabulary) -> list[tuple[str, str]]:
    """SentencePiece joins whichever two neighbours make the piece with the best score: all ways to cut a
    piece into two pieces, best score first."""
    skipped = (_UNKNOWN, _CONTROL, _BYTE)
    pieces = {
        text: (index, score)
        for index, (text, kind, score) in enumerate(
            zip(vocabulary.tokens, vocabulary.types, vocabulary.scores, strict=True)
        )
        if kind not in skipped
    }
    found = [
        (-score, index, text[:cut], text[cut:])
        for text, (index, score) in pieces.items()
        for cut in range(1, len(text))
        if text[:cut] in pieces and text[cut:] in pieces
    ]
    return [(left, right) for _, _, left, right in sorted(found)]


def _end_candidates(model: GgufModel) -> tuple[int, ...]:
    vocabulary = model.vocabulary
    control = {
        text: index
        for index, (text, kind) in enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True))
        if kind == _CONTROL
    }
    known = (control[text] for text in _WELL_KNOWN_ENDS if text in control)
    candidates = tuple(dict.fromkeys([*vocabulary.ends, *known]))
    if not candidates:
        raise GgufError(f"{model.path}: names no end of turn (tokenizer.ggml.eos_token_id)")
    return candidates


def _ends_by_template(model: GgufModel, folder: Path, candidates: tuple[int, ...]) -> tuple[int, ...]:
    """The candidates, the one first that follows an assistant's words in the chat template."""
    answer = "forii"
    conversation = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        text = str(tokenizer.apply_chat_template(conversation, tokenize=False))
        after = tokenizer.encode(text.rpartition(answer)[2], add_special_tokens=False)
    except Exception as error:  # a template raises whatever its author wrote
        raise GgufError(f"{model.path}: its chat template does not render ({error})") from error
    first = next((token for token in after if token in candidates), candidates[0])
    return (first, *(end for end in candidates if end != first))


def _config(model: GgufModel, end: int) -> dict[str, object]:
    vocabulary = model.vocabulary
    named = {
        "bos_token": vocabulary.bos,
        "eos_token": end,
        "pad_token": pad_id(model, (end,)),
        "unk_token": vocabulary.unknown,
    }
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "model_max_length": model.context,
        "chat_template": model.chat_template,
        **{name: vocabulary.tokens[index] for name, index in named.items() if index is not None},
    }


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
