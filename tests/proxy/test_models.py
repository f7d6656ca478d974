from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from build_engines.recipe import RecipeError
from proxy.errors import ModelNotFound
from proxy.models import load_catalog
from tests.proxy.byte_model import write_build

POOL = ThreadPoolExecutor(max_workers=1)


def test_a_model_is_found_by_its_id_and_its_aliases(tmp_path: Path) -> None:
    build = write_build(tmp_path / "a", "forii/a", ("small", "other/name"))
    catalog = load_catalog([build], POOL)
    assert [catalog.find(name).id for name in ("forii/a", "small", "other/name")] == ["forii/a"] * 3
    assert catalog.find("small").fingerprint == "fp_0123456789ab"
    assert catalog.find("small").created == int((build / "manifest.json").stat().st_mtime)


def test_a_name_that_nobody_has_is_not_found_and_the_message_says_what_is(tmp_path: Path) -> None:
    catalog = load_catalog([write_build(tmp_path / "a", "forii/a"), write_build(tmp_path / "b", "forii/b")], POOL)
    with pytest.raises(ModelNotFound, match="forii/a, forii/b") as caught:
        catalog.find("x" * 1000)
    assert caught.value.param == "model"
    assert len(caught.value.message) < 300


def test_two_models_of_one_name_are_refused(tmp_path: Path) -> None:
    builds = [write_build(tmp_path / "a", "forii/a", ("small",)), write_build(tmp_path / "b", "small")]
    with pytest.raises(ValueError, match="'small'"):
        load_catalog(builds, POOL)


def test_a_folder_without_a_finished_build_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no finished build"):
        load_catalog([tmp_path], POOL)
