"""``python -m build_engines RECIPE [--cache DIR]``: builds a recipe and prints the finished folder.

RECIPE is a shipped recipe's id, a recipe file (.toml) or a GGUF file. Progress goes to standard error, a line for
each step.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from build_engines.build import EXAMPLES, build
from build_engines.foresight import dry_run, explain, place, with_target
from build_engines.guess import what_was_guessed
from build_engines.recipe import BuildError, Recipe
from build_engines.shipped import find_recipe

_CACHE = Path("~/.cache/forii")
_EVERY = 30.0  # seconds between two lines of a step that counts


class _Lines:
    """A Progress of plain lines."""

    def __init__(self) -> None:
        self._said = time.monotonic()

    def wait(self, step: str) -> None:
        self._say(f"{step}: another build is at it, waiting")

    def start(self, step: str) -> None:
        self._say(f"{step}: started")

    def advance(self, step: str, done: int, total: int | None) -> None:
        """Lines are for logs: now and then one."""
        if time.monotonic() - self._said >= _EVERY:
            of = f" of {total / 1e9:.2f}" if total else ""
            self._say(f"{step}: {done / 1e9:.2f}{of} GB")

    def finish(self, step: str, seconds: float) -> None:
        self._say(f"{step}: done in {seconds:.1f} s")

    def _say(self, line: str) -> None:
        self._said = time.monotonic()
        sys.stderr.write(line + "\n")


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 0, or 1 after an error message."""
    options = _options(arguments)
    try:
        sys.stdout.write(_done(options, with_target(find_recipe(options.recipe), options.target)))
    except BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


def _done(options: argparse.Namespace, recipe: Recipe) -> str:
    """Does what was asked for; what to print."""
    cache = (options.cache or _CACHE).expanduser().absolute()
    if options.explain:
        return explain(recipe, options.examples)
    if options.dry_run:
        return dry_run(recipe, options.recipe, place(recipe, options.cache and cache, cache), options.examples)
    folder = build(recipe, cache, _Lines(), examples=options.examples, step=options.step)
    if not options.step:
        sys.stderr.write(what_was_guessed(recipe, folder))
    return f"{folder}\n"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m build_engines", description="Builds a model for Triton.")
    parser.add_argument("recipe", metavar="RECIPE", help="a shipped recipe's id, a recipe (.toml) or a GGUF file")
    parser.add_argument("--target", choices=("openvino", "tensorrtllm"), help="refuse a recipe for another target")
    parser.add_argument("--cache", type=Path, metavar="DIR", help=f"default: {_CACHE}")
    parser.add_argument("--examples", type=Path, default=EXAMPLES, metavar="DIR", help="TensorRT-LLM's examples")
    parser.add_argument("--step", metavar="NAME", help="stop after this step and print its folder")
    parser.add_argument("--dry-run", action="store_true", help="print the commands of the build, run none")
    parser.add_argument("--explain", action="store_true", help="say why each flag is given, and what fits the GPU")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
