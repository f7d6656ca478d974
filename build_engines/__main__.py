"""``python -m build_engines RECIPE [--cache DIR]``: builds a recipe and prints the finished folder.

RECIPE is a recipe file (.toml) or a GGUF file. Progress goes to standard error, a line for each step.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from build_engines.build import build, recipe_for_gguf
from build_engines.recipe import BuildError, load_recipe


class _Lines:
    """A Progress of plain lines."""

    def wait(self, step: str) -> None:
        self._say(f"{step}: another build is at it, waiting")

    def start(self, step: str) -> None:
        self._say(f"{step}: started")

    def advance(self, step: str, done: int, total: int | None) -> None:
        """Lines are for logs; a moving count would fill them."""

    def finish(self, step: str, seconds: float) -> None:
        self._say(f"{step}: done in {seconds:.1f} s")

    def _say(self, line: str) -> None:
        sys.stderr.write(line + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 after an error message."""
    parser = argparse.ArgumentParser(prog="python -m build_engines", description="Builds a model for Triton.")
    parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe (.toml) or a GGUF file")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/forii"), metavar="DIR")
    options = parser.parse_args(arguments)
    try:
        known = options.recipe.suffix == ".gguf"
        recipe = recipe_for_gguf(options.recipe) if known else load_recipe(options.recipe)
        folder = build(recipe, options.cache.expanduser(), _Lines())
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
