from __future__ import annotations

import logging
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.accounts.plan import UNLIMITED, Plan
from proxy.accounts.plans import Plans, UnknownPlan
from proxy.settings import Settings

FREE = Plan(requests_per_minute=60, credits_inr=Decimal("0.1"))


def test_accounts_are_on_a_plan_without_limits_unless_it_is_given() -> None:
    assert Plans({}).of("default") == UNLIMITED
    assert Plans({"default": FREE}).of("default") == FREE


def test_a_plan_that_left_the_settings_is_the_default_one_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plans = Plans({"default": FREE})
    with caplog.at_level(logging.WARNING):
        assert [plans.of("gone"), plans.of("gone")] == [FREE, FREE]
    assert [vars(record)["plan"] for record in caplog.records] == ["gone"]


def test_no_account_is_given_a_plan_that_there_is_not() -> None:
    assert Plans({"free": FREE}).check("free") == "free"
    with pytest.raises(UnknownPlan, match="default, free"):
        Plans({"free": FREE}).check("fre")


def test_plans_are_tables_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forii.toml").write_text('[plans.free]\nrequests_per_minute = 60\ncredits_inr = "0.1"\n')
    assert Settings().plans == {"free": FREE}


@pytest.mark.parametrize(
    "table", ["[plans.free]\nrequest_per_minute = 1", "[plans.free]\nconcurrent_streams = 0", '[plans."a b"]']
)
def test_a_wrong_plan_is_an_error_that_names_it(
    table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forii.toml").write_text(table)
    with pytest.raises(ValidationError, match="plans"):
        Settings()
