"""The official OpenAI client in front of ``forii serve`` with the default model: nothing between them is ours."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, OpenAI

from tests.deployed import DEPLOYED
from tests.sdk.engine_gauge import EngineGauge
from tests.sdk.forii_server import MODEL, ForiiServer
from tests.sdk.node_project import NodeProject


@pytest.fixture(scope="session")
def server(built_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForiiServer]:
    """The server of all tests that do not break it."""
    yield from _served(built_model, tmp_path_factory.mktemp("server"))


@pytest.fixture
def own_server(built_model: Path, tmp_path: Path) -> Iterator[ForiiServer]:
    """A server to break; what is left of it when the test is done must be nothing."""
    if DEPLOYED is not None:
        pytest.skip("breaks the server that it asks")
    yield from _served(built_model, tmp_path)


def _served(build: Path, folder: Path) -> Iterator[ForiiServer]:
    server = ForiiServer(build.parents[1], folder)
    try:
        server.wait_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        server.wait_gone()


@pytest.fixture(scope="session")
def client(server: ForiiServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest_asyncio.fixture
async def async_client(server: ForiiServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def engine(server: ForiiServer) -> EngineGauge:
    return EngineGauge(server.engine_metrics_url)


@pytest.fixture(scope="session")
def model() -> str:
    return MODEL


@pytest.fixture(scope="session")
def node_project(test_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> NodeProject:
    return NodeProject(tmp_path_factory.mktemp("node") / "project", test_cache / "npm")
