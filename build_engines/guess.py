"""A recipe that does not say how its model writes, and the model's tokenizer, in; the same recipe with it out.

It is guessed from the chat template's texts and the added tokens. The architecture would be no help: models of one
share it across families, and families across architectures.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from build_engines.recipe import Recipe, RecipeError
from proxy.formats.parser import FORMATS, UnknownFormat, find_format
from proxy.formats.reasoning import REASONING

DEFAULT = "hermes"  # for models that were taught no calls: many have seen it, and it is easy to follow
_FIX = "set [model] {key} to overrule"


class Guess(NamedTuple):
    """reasons: what each was guessed from, by its key in the recipe; of what the recipe says there is none."""

    format: str
    reasoning: str
    reasons: dict[str, str]


def check_names(recipe: Recipe) -> None:
    """Raises RecipeError for a format or reasoning that there is not, or that do not go together."""
    model = recipe.model
    given = model.format or ("harmony" if model.reasoning == "harmony" else "plain")
    try:
        find_format(given, model.reasoning or ("harmony" if given == "harmony" else "none"))
    except UnknownFormat as error:
        raise RecipeError(f"{recipe.model.id}: [model] {error}") from error


def guess(recipe: Recipe, tokenizer: Path) -> Guess:
    """tokenizer: a folder with tokenizer.json and tokenizer_config.json."""
    reasons: dict[str, str] = {}
    written, thinks = recipe.model.format, recipe.model.reasoning
    if written is not None and thinks is not None:
        return Guess(written, thinks, reasons)
    template, tokens = _template(tokenizer), _tokens(tokenizer)
    if written is None:
        fitting = (name for name, family in FORMATS.items() if family.signs.fit(template, tokens))
        found = next(fitting, None)
        written = found or DEFAULT
        reasons["format"] = (
            _source(FORMATS[written].signs.tokens) if found else "as nothing in the chat template says"
        )
    if thinks is None:
        channels = FORMATS[written].channels
        fitting = (name for name, one in REASONING.items() if one.signs.fit(template, tokens))
        thinks = "harmony" if channels else next((name for name in fitting if name != "harmony"), "none")
        reasons["reasoning"] = _source(REASONING[thinks].signs.tokens)
    return Guess(written, thinks, reasons)


def resolved(recipe: Recipe, tokenizer: Path) -> Recipe:
    """The recipe with format and reasoning. Raises RecipeError where what it says of the one does not go together
    with what was guessed of the other."""
    found = guess(recipe, tokenizer)
    model = recipe.model.model_copy(update={"format": found.format, "reasoning": found.reasoning})
    complete = recipe.model_copy(update={"model": model})
    check_names(complete)
    return complete


def what_was_guessed(recipe: Recipe, build: Path) -> str:
    """What was guessed for a finished build, a line for each::

    format: hermes (guessed from the chat template; set [model] format to overrule)
    """
    found = guess(recipe, build / "tokenizer")
    values = {"format": found.format, "reasoning": found.reasoning}
    return "".join(
        f"{key}: {values[key]} (guessed {reason}; {_FIX.format(key=key)})\n"
        for key, reason in found.reasons.items()
    )


def material(recipe: Recipe) -> dict[str, str]:
    """What decides about a build beside its recipe, where something is guessed: what families are known by."""
    if recipe.model.format is not None and recipe.model.reasoning is not None:
        return {}
    signs = {name: repr(known.signs) for table in (FORMATS, REASONING) for name, known in table.items()}
    return {"signs": hashlib.sha256(json.dumps(signs).encode()).hexdigest()}


def _source(tokens: tuple[str, ...]) -> str:
    return "from the chat template and the added tokens" if tokens else "from the chat template"


def _template(tokenizer: Path) -> str:
    """The chat template; all of them, where there are several."""
    template = json.loads((tokenizer / "tokenizer_config.json").read_bytes()).get("chat_template") or ""
    if isinstance(template, list):
        return "\n".join(str(one.get("template")) for one in template)
    return str(template)


def _tokens(tokenizer: Path) -> frozenset[str]:
    added = json.loads((tokenizer / "tokenizer.json").read_bytes()).get("added_tokens", [])
    return frozenset(token["content"] for token in added)
