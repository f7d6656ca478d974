"""A model that thinks, as far as its server knows: the default one before a template that opens a thought.

It was not taught to think and seldom ends a thought by itself, which is what budgets are for.
"""

from __future__ import annotations

import json
from pathlib import Path

from build_engines.build import build
from build_engines.progress import Silent
from build_engines.recipe import load_recipe

THINKER = "tests/thinker"
_RECIPES = Path(__file__).parents[2] / "build_engines/recipes"
_TURN, _OPENED = "'<|im_start|>assistant\n'", "'<|im_start|>assistant\n<think>\n'"


def write_thinker(folder: Path, cache: Path) -> Path:
    """The recipe of such a model, built in the cache. folder: for the recipe."""
    recipe = folder / "thinker.toml"
    text = (_RECIPES / "smollm2-135m.toml").read_text(encoding="utf-8")
    for line in ('id = "forii/smollm2-135m"', 'reasoning = "none"'):
        assert text.count(line) == 1, f"the default recipe has no {line}"
    text = text.replace('"forii/smollm2-135m"', f'"{THINKER}"').replace(
        'reasoning = "none"', 'reasoning = "think"'
    )
    recipe.write_text(text, encoding="utf-8")
    config = build(load_recipe(recipe), cache, Silent()) / "tokenizer/tokenizer_config.json"
    found = json.loads(config.read_text(encoding="utf-8"))
    if _OPENED not in found["chat_template"]:
        assert found["chat_template"].count(_TURN) == 1
        found["chat_template"] = found["chat_template"].replace(_TURN, _OPENED)
        # It is a link to what other builds of the model share.
        config.unlink()
        config.write_text(json.dumps(found), encoding="utf-8")
    return recipe
