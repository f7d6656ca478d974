"""What a person calls a model in; its recipe, or its finished build, out."""

from __future__ import annotations

from pathlib import Path

from build_engines.progress import Progress
from build_engines.recipe import Recipe, RecipeError, load_manifest, load_recipe

RECIPES = Path(__file__).parents[1] / "build_engines" / "recipes"


def find_recipe(name: str) -> Recipe:
    """name: a shipped recipe's model id, a recipe file (``.toml``) or a GGUF file. Raises RecipeError."""
    from build_engines.build import recipe_for_gguf

    path = Path(name).expanduser()
    if path.suffix == ".toml":
        return load_recipe(path)
    if path.suffix == ".gguf":
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


def find_build(name: str, cache: Path, progress: Progress) -> Path:
    """The finished build of a model, built now if it is not there yet. name: as for find_recipe, or a build's own
    folder.

    Raises RecipeError, and what ``build_engines.build.build`` raises.
    """
    folder = Path(name).expanduser()
    if (folder / "manifest.json").is_file():
        load_manifest(folder)
        return folder.resolve()
    try:
        from build_engines.build import build
    except ImportError as error:
        raise RecipeError(
            f"building {name!r} needs the package {error.name}: install requirements/serve.txt, or give the "
            "folder of a build that was finished elsewhere"
        ) from error
    return build(find_recipe(name), cache, progress)
