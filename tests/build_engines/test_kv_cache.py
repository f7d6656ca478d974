from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build_engines.kv_cache import Limits, limits
from build_engines.recipe import ModelSection, RecipeError
from build_engines.sections import OpenVinoEngine

SMOLLM2 = 30 * 3 * 128  # layers, KV heads, keys and values
LLAMA_8B = 32 * 8 * 256
GIB = 1 << 30


def chosen(
    own: int, elements: int, *, context: int | None = None, size: int | None = None, fast: bool = False
) -> Limits:
    model = ModelSection(id="test/model", context=context)
    engine = OpenVinoEngine(precision="fast" if fast else "exact", kv_cache_gb=size)
    return limits(model, engine, own, elements)


def test_a_small_model_keeps_its_context() -> None:
    assert chosen(8192, SMOLLM2) == Limits(8192, 1)


def test_a_long_context_nobody_asked_for_is_lowered_to_what_a_laptop_bears() -> None:
    assert chosen(131072, LLAMA_8B) == Limits(16384, 4)


def test_a_context_that_is_asked_for_gets_the_cache_it_needs() -> None:
    assert chosen(131072, LLAMA_8B, context=32768) == Limits(32768, 8)


def test_a_cache_that_is_asked_for_lowers_an_open_context() -> None:
    assert chosen(131072, LLAMA_8B, size=1) == Limits(4096, 1)


def test_contradictions_name_both_ways_out() -> None:
    with pytest.raises(RecipeError, match="set kv_cache_gb to 8 or the context to 4096"):
        chosen(131072, LLAMA_8B, context=32768, size=1)
    with pytest.raises(RecipeError, match=r"model\.context = 9000, but the model has 8192"):
        chosen(8192, SMOLLM2, context=9000)


@given(
    st.integers(16, 200_000),
    st.integers(1, 1_000_000),
    st.none() | st.integers(16, 200_000),
    st.none() | st.integers(1, 64),
    st.booleans(),
)
def test_the_cache_always_holds_the_context(
    own: int, elements: int, context: int | None, size: int | None, fast: bool
) -> None:
    try:
        found = chosen(own, elements, context=context, size=size, fast=fast)
    except RecipeError:
        return
    blocks = -(-found.context // 32)
    assert blocks * 32 * elements * (2 if fast else 4) <= found.kv_cache_gb * GIB
    assert found.context <= own
    assert found.context == (context or found.context)
    assert found.kv_cache_gb == (size or found.kv_cache_gb)
