"""What tests of several packages stand on: the built default model, the scripted model, one real Triton for both.

``FORII_TEST_CACHE`` names a cache folder that outlives the run; without it each run builds its own. Where the
suites run against a Triton elsewhere (see deployed.py), the model is the one that it serves.
"""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from build_engines.build import TEMPLATES, build
from build_engines.progress import Silent
from build_engines.recipe import Manifest, load_manifest, load_recipe
from build_engines.repository import template_files, write_model_folder
from launcher.triton import EmbeddedTriton
from proxy.accounts.database_url import database_url
from proxy.accounts.migration import migrate
from tests.deployed import DEPLOYED
from tests.postgres_server import PostgresServer, postgres_programs
from tests.program import lack, need
from tests.redis_server import RedisServer

_RECIPE = Path(__file__).parents[1] / "build_engines/recipes/smollm2-135m.toml"
SCRIPTED = "forii-scripted"

# How long an example takes says more about the machine than about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def _own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads or writes the keys and the usage of whoever runs it."""
    monkeypatch.setenv("FORII_STATE", str(tmp_path / "state"))


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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL. A test that stops it starts it again."""
    programs = postgres_programs()
    if programs is None:
        lack("PostgreSQL's server", "postgresql")
    server = PostgresServer(programs)
    try:
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real Redis, for tests that leave it alone."""
    need("redis-server")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """One to be broken."""
    need("redis-server")
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(params=["memory", "redis"])
def limit_url(request: pytest.FixtureRequest) -> str | None:
    """Of the Redis that limits are counted in; None is the process's own memory. Each in turn."""
    if request.param == "memory":
        return None
    server: RedisServer = request.getfixturevalue("redis_server")
    server.empty()
    return server.url


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with this version's tables, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "forii.db"
    migrate(database_url(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_template(postgres: PostgresServer) -> str:
    """The name of a database on PostgreSQL with this version's tables, to be copied."""
    migrate(database_url(postgres.create("migrated")))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database with this version's tables, of each kind in turn."""
    if request.param == "sqlite":
        path = tmp_path / "database" / "forii.db"
        path.parent.mkdir()
        shutil.copy(request.getfixturevalue("migrated_file"), path)
        return f"sqlite:///{path}"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.create(f"test{next(_NUMBERS)}", request.getfixturevalue("migrated_template"))


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without tables, of each kind in turn; of SQLite not even the folder is there."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'forii.db'}"
    postgres: PostgresServer = request.getfixturevalue("postgres")
    return postgres.create(f"new{next(_NUMBERS)}")


_NUMBERS = itertools.count()
