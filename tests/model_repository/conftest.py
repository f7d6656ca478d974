"""The models' own modules import one another by plain name, as they do in a Triton model folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from build_engines.recipe import Manifest
from launcher.triton import EmbeddedTriton
from tests.conftest import SCRIPTED
from tests.model_repository import backend
from tests.model_repository.client import TokenClient

_REPOSITORY = Path(__file__).parents[2] / "model_repository"

sys.modules["triton_python_backend_utils"] = backend
sys.path += [str(_REPOSITORY / folder) for folder in ("python", "scripted/1", "openvino/1")]


@pytest.fixture
def scripted(triton: EmbeddedTriton) -> Iterator[TokenClient]:
    with TokenClient(triton.grpc_address, SCRIPTED) as client:
        yield client


@pytest.fixture
def real(triton: EmbeddedTriton, manifest: Manifest) -> Iterator[TokenClient]:
    with TokenClient(triton.grpc_address, manifest.triton_model) as client:
        yield client
