"""What tests of several packages stand on: the built default model, the scripted model, one real Triton for both.

``FORII_TEST_CACHE`` names a cache folder that outlives the run; without it each run builds its own. Where the
suites run against a Triton elsewhere (see deployed.py), the model is the one that it serves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from build_engines.build import TEMPLATES, build
from build_engines.progress import Silent
from build_engines.recipe import Manifest, load_manifest, load_recipe
from build_engines.repository import template_files, write_model_folder
from launcher.triton import EmbeddedTriton
from tests.deployed import DEPLOYED

_RECIPE = Path(__file__).parents[1] / "build_engines/recipes/smollm2-135m.toml"
SCRIPTED = "forii-scripted"

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def test_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("FORII_TEST_CACHE")
    return Path(given) if given else tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def built_model(test_cache: Path) -> Path:
    """The finished build of the default recipe, or the deployed one."""
    if DEPLOYED is not None:
        return DEPLOYED.build
    return build(load_recipe(_RECIPE), test_cache, Silent())


@pytest.fixture(scope="session")
def manifest(built_model: Path) -> Manifest:
    return load_manifest(built_model)


@pytest.fixture(scope="session")
def tokenizer_folder(built_model: Path) -> Path:
    return built_model / "tokenizer"


@pytest.fixture(scope="session")
def scripted_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripted model, named SCRIPTED: it gives prompts back, an id every two milliseconds."""
    folder = tmp_path_factory.mktemp("scripted")
    values: dict[str, str | int] = {
        "triton_model": SCRIPTED,
        "context": 8192,
        "vocab_size": 49152,
        "end_ids": "2,0",
        "pad_id": 2,
    }
    model = folder / "repository" / SCRIPTED
    write_model_folder(template_files(TEMPLATES, "scripted"), values, model)
    (model / "1/script.json").write_text('{"pace_ms": 2}', encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def triton(
    built_model: Path, scripted_build: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedTriton]:
    """The real server with the default and the scripted model. A test that breaks it starts its own."""
    log = tmp_path_factory.mktemp("triton") / "log.txt"
    with EmbeddedTriton([built_model, scripted_build], log_path=log) as server:
        server.wait_ready(90)
        yield server
