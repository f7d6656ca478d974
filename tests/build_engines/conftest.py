from __future__ import annotations

from pathlib import Path

import pytest

from build_engines.build import TEMPLATES
from build_engines.recipe import load_manifest
from build_engines.targets import openvino


@pytest.fixture(scope="session")
def smollm2_gguf(built_model: Path) -> Path:
    """The GGUF file the default model was built from."""
    recipe = load_manifest(built_model).recipe
    digest = openvino.source_of(recipe).sha256
    assert digest is not None
    tokenizer = openvino.plan(recipe, digest, TEMPLATES).needs[0]
    return tokenizer.needs[0].folder(built_model.parents[1]) / "model.gguf"
