"""Which finished build a container serves: what a person calls it in, the build out."""

from __future__ import annotations

import os
from pathlib import Path

from build_engines.build import Build, find_builds
from build_engines.recipe import RecipeError, load_manifest

LINK = "served"


def find_served(name: str, cache: Path) -> Build:
    """name: a model's id, whose newest build is taken, or the folder of a build. Raises RecipeError."""
    if (Path(name) / "manifest.json").is_file():
        folder = Path(name).resolve()
        return Build(folder, load_manifest(folder))
    builds = find_builds(cache)
    for build in builds:
        model = build.manifest.recipe.model
        if name in (model.id, *model.aliases):
            return build
    known = ", ".join(sorted({build.manifest.recipe.model.id for build in builds})) or "none"
    raise RecipeError(
        f"{name}: no finished build of it is in {cache} (there: {known}); make one with "
        "`python3 -m build_engines RECIPE`"
    )


def link_served(build: Build, cache: Path) -> None:
    """Lets ``<cache>/served`` point at the build, in one move, for whoever shares the cache: health check and
    proxy."""
    new = cache / f"{LINK}.{os.getpid()}"
    new.symlink_to(os.path.relpath(build.folder, cache))
    new.replace(cache / LINK)
