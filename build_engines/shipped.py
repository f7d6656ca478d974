"""What a person calls a recipe in, the recipe out."""

from __future__ import annotations

from pathlib import Path

from build_engines.build import recipe_for_gguf
from build_engines.recipe import Recipe, RecipeError, load_recipe

RECIPES = Path(__file__).parent / "recipes"


def find_recipe(name: str) -> Recipe:
    """name: a shipped recipe's model id, a recipe file (``.toml``) or a GGUF file. Raises RecipeError."""
    path = Path(name).expanduser()
    if path.suffix.lower() == ".toml":
        return load_recipe(path)
    if path.suffix.lower() == ".gguf":
        if not path.is_file():
            raise RecipeError(f"{path}: there is no such file")
        return recipe_for_gguf(path)
    for recipe in shipped_recipes():
        if name in (recipe.model.id, *recipe.model.aliases):
            return recipe
    known = ", ".join(recipe.model.id for recipe in shipped_recipes())
    raise RecipeError(
        f"{name!r} is neither a recipe file (.toml), nor a GGUF file (.gguf), nor the folder of a finished build, "
        f"nor a shipped recipe ({known})"
    )


def shipped_recipes() -> list[Recipe]:
    return [load_recipe(path) for path in sorted(RECIPES.glob("*.toml"))]
