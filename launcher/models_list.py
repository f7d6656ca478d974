"""``forii models list``: recipes and builds in, a table of what they hold and cost out."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

from build_engines.recipe import PriceSection
from launcher.options import Cache
from launcher.told import settings_with, told


def list_models(cache: Cache = None) -> None:
    """List the recipes that ship with Forii and the builds in the cache.

    Context: tokens that prompt and answer share. Prices: INR for 1,000 prompt and 1,000 completion tokens, as the
    recipe's [price] says; a build has those of the recipe that it was built from.
    """
    from build_engines.build import find_builds
    from build_engines.shipped import shipped_recipes

    with told():
        found = find_builds(settings_with(cache=cache).cache)
        newest = {one.manifest.recipe.model.id: one for one in reversed(found)}
        table = Table("model", "engine", "context", "prompt INR/1K", "completion INR/1K", "build", box=None)
        for recipe in shipped_recipes():
            if recipe.model.id not in newest:
                context = f"{recipe.model.context:,}" if recipe.model.context else ""
                prices = _prices(recipe.price)
                table.add_row(recipe.model.id, recipe.engine.target, context, *prices, "not built: forii build")
        for one in newest.values():
            recipe = one.manifest.recipe
            context, prices = f"{one.manifest.context:,}", _prices(recipe.price)
            table.add_row(recipe.model.id, recipe.engine.target, context, *prices, str(one.folder))
        Console(width=None if sys.stdout.isatty() else 200).print(table)


def _prices(price: PriceSection) -> tuple[str, str]:
    from proxy.accounts.money import plain

    return plain(price.prompt), plain(price.completion)
