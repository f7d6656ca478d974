"""Models that come and go while requests run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from proxy.errors import ModelNotFound
from proxy.models import Catalog, ServedModel, load_model
from proxy.settings import NotServable
from tests.proxy.byte_model import write_build


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool


@pytest.fixture
def model(tmp_path: Path, pool: ThreadPoolExecutor) -> ServedModel:
    return load_model(write_build(tmp_path / "a", "forii/a", ("a",)), pool)


def test_a_removed_model_is_not_found_by_any_name_and_can_come_back(model: ServedModel) -> None:
    catalog = Catalog([model])
    catalog.remove(model)
    for name in ("forii/a", "a"):
        with pytest.raises(ModelNotFound, match="served: nothing"):
            catalog.find(name)
    assert catalog.models == ()
    catalog.add(model)
    assert catalog.find("a") is model


def test_a_taken_name_changes_nothing(model: ServedModel, tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    catalog = Catalog([model])
    other = load_model(write_build(tmp_path / "b", "forii/b", ("b", "a")), pool)
    with pytest.raises(NotServable, match="'a'"):
        catalog.add(other)
    assert catalog.models == (model,)
    with pytest.raises(ModelNotFound):
        catalog.find("forii/b")


async def test_a_model_is_unused_when_the_last_request_for_it_is_over(model: ServedModel) -> None:
    catalog = Catalog([model])
    with catalog.use("a"):
        with catalog.use("forii/a"):
            catalog.remove(model)
            waiting = asyncio.ensure_future(catalog.unused(model))
        await asyncio.sleep(0.02)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(catalog.unused(model), 5)


def test_a_format_that_nobody_reads_is_refused(tmp_path: Path, pool: ThreadPoolExecutor) -> None:
    build = write_build(tmp_path / "a")
    manifest = build / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"format":"plain"', '"format":"klingon"'))
    with pytest.raises(NotServable, match="'klingon'; there are plain"):
        load_model(build, pool)
