"""Who may import whom. The table is the architecture; a new arrow is a decision, not an accident."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("proxy", "launcher", "build_engines", "model_repository", "deploy")

LEAVES = {"proxy.generation", "proxy.events", "proxy.errors", "proxy.tools", "proxy.syntax", "proxy.calls"}

# Modules that begin so -> what of ours they may import, themselves apart.
OURS = {
    "proxy.generation": set[str](),
    "proxy.events": set[str](),
    "proxy.errors": set[str](),
    "proxy.tools": set[str](),
    "proxy.syntax": set[str](),
    # Written by the same data that parsers read by.
    "proxy.calls": {"proxy.tools", "proxy.syntax"},
    # Grammars of calls are written from the same data that parsers read by.
    "proxy.grammar": {"proxy.tools", "proxy.syntax"},
    "proxy.formats": LEAVES,
    "proxy.prompt": LEAVES,
    "proxy.openai": LEAVES,
    # A stop string is held back like a marker: one automaton for both.
    "proxy.stops": {"proxy.formats.splitter"},
    "proxy.engines": LEAVES,
    # Builds guess a model's family by what the families themselves say.
    "build_engines": {"proxy.formats"},
}
# Libraries -> the only places that may import them.
LIBRARIES = {
    "grpc": ("proxy.engines", "launcher.repository", "deploy.one_token"),
    "tritonclient": ("proxy.engines", "launcher.repository", "deploy.one_token"),
    "numpy": ("proxy.engines", "model_repository", "build_engines"),
    "transformers": ("proxy.prompt", "build_engines"),
    "tokenizers": ("proxy.prompt", "build_engines"),
    "openvino": ("model_repository", "build_engines"),
    "openvino_genai": ("model_repository", "build_engines"),
    "jsonschema_rs": ("proxy.grammar",),
    "sqlalchemy": ("proxy.accounts",),
    "alembic": ("proxy.accounts",),
    "redis": ("proxy.accounts.redis_limits",),
    "torch": (),
}


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imported(name: str, path: Path) -> set[str]:
    """The absolute names that a file imports, inside functions too."""
    found = set()
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return found


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value))
def test_a_module_imports_only_what_its_layer_may(name: str, path: Path) -> None:
    uses = imported(name, path)
    for layer, allowed in OURS.items():
        if within(name, layer):
            wrong = {
                use
                for use in uses
                if use.split(".")[0] in PACKAGES
                and not within(use, layer)
                and not any(within(use, ok) or within(ok, use) for ok in allowed)
            }
            assert not wrong, f"{name} may import of ours only {sorted(allowed) or 'nothing'}"
    if within(name, "proxy"):
        foreign = {use for use in uses if use.split(".")[0] in ("launcher", "model_repository", "deploy")}
        builds = {use for use in uses if within(use, "build_engines")} - {"build_engines"}
        assert not foreign
        assert all(within(use, "build_engines.recipe") for use in builds)
    if not within(name, "launcher") and name != "deploy.cpu":
        assert not {use for use in uses if within(use, "launcher")}, "nobody imports the launcher"


@pytest.mark.parametrize(("name", "path"), list(modules()), ids=lambda value: str(value))
def test_a_library_stays_in_its_place(name: str, path: Path) -> None:
    uses = imported(name, path)
    for library, places in LIBRARIES.items():
        if any(within(name, place) for place in places):
            continue
        assert not {use for use in uses if within(use, library)}, f"only {places} may import {library}"


def test_only_the_settings_read_the_environment() -> None:
    # These hand their own environment on to the programs that they start; they read no setting from it.
    hands_on = {"launcher.triton", "launcher.guard", "launcher.cli", "build_engines.child"}
    readers = {
        name
        for name, path in modules()
        if name not in hands_on and re.search(r"\bos\.(getenv|environ)\b", path.read_text())
    }
    assert readers == set()
