"""Keys as a person has them: made and revoked by the command line beside a server that runs, used by the official
client; and what the server's whole output says of them."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import openai
import pytest
from openai import OpenAI

from tests.deployed import DEPLOYED
from tests.sdk.chat import ENDLESS, content_of, streamed, whole
from tests.sdk.forii_server import ForiiServer

ADMIN = "an-admin-token-of-the-operators"
# A second, as is promised, and what a busy machine takes to do it.
_SOON = 5.0


class Accounts:
    """A server with its own database, and the commands that work on the same one. made: every key there was."""

    def __init__(self, server: ForiiServer, state: Path) -> None:
        self.server = server
        self.made: list[str] = []
        self._state = state

    def forii(self, *words: str) -> str:
        """What the command prints. Raises CalledProcessError."""
        command = [str(Path(sys.executable).parent / "forii"), *words]
        own = {name: value for name, value in os.environ.items() if not name.startswith("FORII_")}
        done = subprocess.run(
            command,
            env=own | {"FORII_STATE": str(self._state)},
            cwd=self._state.parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def create(self, name: str, *words: str) -> str:
        secret = self.forii("keys", "create", name, *words).strip()
        self.made.append(secret)
        return secret

    def key_id(self, name: str) -> str:
        found = re.search(rf"(key_[0-9a-f]+) +\S+ +{name} ", self.forii("keys", "list"))
        assert found
        return found[1]

    @contextlib.contextmanager
    def client(self, key: str) -> Iterator[OpenAI]:
        with OpenAI(base_url=self.server.base_url, api_key=key, max_retries=0) as client:
            yield client

    def answers(self, key: str) -> bool:
        with self.client(key) as client:
            try:
                client.models.list()
            except openai.AuthenticationError:
                return False
        return True


@pytest.fixture
def accounts(own_accounts_server: tuple[ForiiServer, Path]) -> Accounts:
    return Accounts(*own_accounts_server)


@pytest.fixture
def own_accounts_server(built_model: Path, tmp_path: Path) -> Iterator[tuple[ForiiServer, Path]]:
    if DEPLOYED is not None:
        pytest.skip("needs a server with an admin token")
    server = ForiiServer(built_model.parents[1], tmp_path, admin_token=ADMIN, log_level="debug")
    try:
        server.wait_ready()
        yield server, tmp_path / "state"
    finally:
        if server.process.poll() is None:
            server.stop()
        server.wait_gone()


def until(holds: bool, accounts: Accounts, key: str) -> None:
    """Waits until the key answers, or does no longer."""
    deadline = time.monotonic() + _SOON
    while accounts.answers(key) is not holds:
        assert time.monotonic() < deadline, f"the key still {'fails' if holds else 'answers'}"
        time.sleep(0.05)


def test_from_the_first_key_to_its_end(accounts: Accounts) -> None:
    server = accounts.server
    assert "open to this machine until the first" in server.output
    assert accounts.answers("none")

    first = accounts.create("first")
    until(False, accounts, "none")
    assert accounts.answers(first)
    with pytest.raises(subprocess.CalledProcessError) as chatted:
        accounts.forii("chat", "--base-url", server.base_url)
    assert "set FORII_API_KEY" in chatted.value.stderr
    second = accounts.create("second", "--account", "team")

    with accounts.client(first) as client, accounts.client(second) as other:
        assert whole(other, max_tokens=3).choices
        _cut_off(accounts, client)
        assert not accounts.answers(first)
        assert whole(other, max_tokens=3).choices

    over_http = _over_http(server, accounts, second)
    assert not accounts.answers(over_http)
    server.stop()
    assert server.output.count('"message":"request"') > 5, "its whole log was looked at"
    for key in [*accounts.made, ADMIN]:
        assert key not in server.output
    for path in accounts.server._tmp.parent.rglob("*"):
        if path.is_file():
            assert not [key for key in accounts.made if key.encode() in path.read_bytes()], path


def _cut_off(accounts: Accounts, client: OpenAI) -> None:
    """A stream whose key is revoked by the command line ends in the client with the error."""
    begun = threading.Event()
    key_id = accounts.key_id("first")

    def revoke() -> None:
        begun.wait(20)
        accounts.forii("keys", "revoke", key_id)

    revoking = threading.Thread(target=revoke)
    revoking.start()
    try:
        with pytest.raises(openai.APIError, match="revoked"):
            _read(client, begun)
    finally:
        begun.set()
        revoking.join()


def _read(client: OpenAI, begun: threading.Event) -> None:
    for chunk in streamed(client, **ENDLESS):
        if content_of(chunk):
            begun.set()


def _over_http(server: ForiiServer, accounts: Accounts, second: str) -> str:
    """A key that was made and revoked by the routes, and sent where it must not be."""
    with httpx2.Client(base_url=server.root, headers={"authorization": f"Bearer {ADMIN}"}) as web:
        made = web.post("/v1/accounts/team/apiKeys", json={"name": "third"}).json()
        key: str = made["key"]
        accounts.made.append(key)
        own = {"authorization": f"Bearer {key}"}
        assert web.get("/v1/accounts/team", headers=own).json()["name"] == "team"
        assert web.get("/v1/accounts/local", headers=own).status_code == 404
        assert web.get(f"/v1/models?api_key={key}").status_code == 401
        assert web.get(f"/v1/models/{key}", headers=own).status_code == 404
        assert web.get("/v1/models", headers=own | {"x-request-id": second}).status_code == 200
        assert web.delete(f"/v1/accounts/team/apiKeys/{made['id']}").json()["status"] == "revoked"
    return key


def test_off_loopback_it_does_not_start_without_a_key(built_model: Path, tmp_path: Path) -> None:
    if DEPLOYED is not None:
        pytest.skip("starts a server of its own")
    server = ForiiServer(built_model.parents[1], tmp_path, host="0.0.0.0")
    assert server.wait_end(60) == 1
    assert "forii keys create NAME" in server.output
    server.wait_gone()
