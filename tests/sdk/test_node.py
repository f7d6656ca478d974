"""The official Node client: the tests in ``node/``, run by Node's own test runner."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sdk.forii_server import MODEL, ForiiServer
from tests.sdk.node_project import NodeProject


@pytest.mark.parametrize("name", sorted(path.name for path in (Path(__file__).parent / "node").glob("*.test.mjs")))
def test_the_node_client(server: ForiiServer, node_project: NodeProject, name: str) -> None:
    env = {"FORII_BASE_URL": server.base_url, "FORII_ENGINE": server.engine_metrics_url, "FORII_MODEL": MODEL}
    ran = node_project.test(name, env)
    assert ran.returncode == 0, ran.stdout
