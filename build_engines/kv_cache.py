"""How much memory the KV cache of the CPU engine gets, and how long a context it then holds.

The engine lowers an answer's room to what its cache can hold and does not say so; a build therefore never promises
a context that the cache cannot hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from build_engines.recipe import ModelSection, RecipeError
from build_engines.sections import OpenVinoEngine

# Bytes of an element: f32 where answers have to repeat; else 8 bits and what scales them, 16 at the most.
_ELEMENT_BYTES = {"exact": 4, "fast": 2}
_BLOCK_TOKENS = 32
_GIB = 1 << 30
_LARGEST_DEFAULT = 4  # GiB, for a recipe that asks for nothing


@dataclass(frozen=True)
class Limits:
    """context: in tokens. kv_cache_gb: in GiB, enough for one sequence of that length and often many shorter."""

    context: int
    kv_cache_gb: int


def limits(model: ModelSection, engine: OpenVinoEngine, own_context: int, elements: int) -> Limits:
    """What the recipe asks for, made to fit together; what it leaves open is chosen.

    own_context: of the model, in tokens. elements: of the cache for one token, over all layers, keys and values.
    Raises RecipeError for a context past the model's own, or past what the recipe's kv_cache_gb holds.
    """
    if model.context is not None and model.context > own_context:
        raise RecipeError(
            f"{model.id}: model.context = {model.context}, but the model has {own_context}; "
            f"set it to {own_context} or less"
        )
    block = _BLOCK_TOKENS * elements * _ELEMENT_BYTES[engine.precision]
    wanted = model.context or own_context
    needed = -(-(-(-wanted // _BLOCK_TOKENS) * block) // _GIB)
    if engine.kv_cache_gb is not None:
        size = engine.kv_cache_gb
    else:
        size = needed if model.context is not None else min(needed, _LARGEST_DEFAULT)
    held = size * _GIB // block * _BLOCK_TOKENS
    if model.context is not None and held < model.context:
        raise RecipeError(
            f"{model.id}: engine.kv_cache_gb = {size} holds {held} tokens, less than model.context = "
            f"{model.context}; set kv_cache_gb to {needed} or the context to {held}"
        )
    return Limits(min(wanted, held), size)
