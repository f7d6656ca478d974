"""Text that words lead out of, against a search for these words."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.maskbench.reader import Reader
from proxy.grammar.free_text import Exit, free_text, one_of
from proxy.grammar.rules import Grammar, Text

words = st.text("ab<", min_size=1, max_size=4)
TEXTS = ["".join(chars) for size in range(6) for chars in product("ab<!", repeat=size)]


def reader(exits: list[Exit], forbidden: list[str], *, ends: bool = True) -> Reader:
    rules = Grammar()
    return Reader(rules.text(free_text(rules, exits, forbidden, ends=ends)))


def allowed(text: str, out: Exit, forbidden: list[str], *, ends: bool) -> bool:
    """Whether it is a text that ends, or one that ends right behind ``out`` and a ``!``."""
    for end in range(1, len(text) + 1):
        read = text[:end]
        if read == out.word if out.first else read.endswith(out.word):
            return text[end:] == "!"
        if any(read.endswith(word) for word in forbidden):
            return False
    return ends


@settings(deadline=None, max_examples=60)
@given(words, st.lists(words, max_size=3), st.booleans(), st.booleans())
def test_the_first_word_that_is_met_counts(word: str, forbidden: list[str], first: bool, ends: bool) -> None:
    # A forbidden word that is part of the other is told apart below.
    forbidden = [one for one in forbidden if one not in word]
    out = Exit(word, Text("!"), first)
    grammar = reader([out], forbidden, ends=ends)
    for text in TEXTS:
        assert grammar.accepts(text) == allowed(text, out, forbidden, ends=ends), text


def test_a_word_that_holds_a_forbidden_one_has_to_be_finished() -> None:
    grammar = reader([Exit("<e><s>x", Text("!"))], ["<e>", "<s>"])
    for text, taken in (
        ("<e><s>x!", True),
        ("a <e <e><s>x!", True),
        ("<e", True),
        ("<e>", False),
        ("<e><s>", False),
        ("<e>a", False),
        ("<e><e><s>x!", False),
        ("<s>", False),
    ):
        assert grammar.accepts(text) == taken, text


def test_of_long_forbidden_words_the_beginning_is_enough_unless_it_begins_the_other() -> None:
    grammar = reader([Exit("<tool_calls_begin>", Text("!"))], ["<tool_calls_end>", "<|channel|>", "<tool"])
    assert not grammar.accepts("a <|channe")
    assert grammar.accepts("a <|chann")
    assert not grammar.accepts("<tool_calls_e")
    assert grammar.accepts("a <tool_calls_begin>!") is True
    assert not grammar.accepts("<tool")


def test_where_a_word_goes_on_beyond_ascii_nothing_else_beyond_it_stands() -> None:
    grammar = reader([Exit("<｜x", Text("!"))], [])
    for text, taken in (("<｜x!", True), ("न <b ｜", True), ("<｜न", True), ("<न", False), ("<｜x", False)):
        assert grammar.accepts(text) == taken, text


def test_one_of_several_words_is_read_without_looking_ahead() -> None:
    rules = Grammar()
    exits = [Exit("<|c|>a", Text("1")), Exit("<|c|>b", Text("2")), Exit("x", Text("3"))]
    grammar = Reader(rules.text(one_of(rules, exits)))
    for text in TEXTS:
        assert not grammar.accepts(text)
    for text in ("<|c|>a1", "<|c|>b2", "x3"):
        assert grammar.accepts(text)
    assert not grammar.accepts("<|c|>a2")
