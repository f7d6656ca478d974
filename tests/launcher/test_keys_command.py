"""``forii keys``, ``forii usage`` and ``forii models list`` as a person types them."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from launcher.cli import app
from launcher.key_state import KeyState, key_state
from proxy.accounts.api_key import digest, is_shaped
from proxy.accounts.database import Database
from proxy.accounts.database_url import database_url
from proxy.accounts.key_repository import KeyRepository
from proxy.accounts.usage_record import UsageRecord
from proxy.accounts.usage_repository import UsageRepository
from proxy.settings import NotServable, Settings
from tests.proxy.accounts.records import record

JANUARY = ("--from", "2026-01-01", "--to", "2026-01-31")
Forii = Callable[..., tuple[int, str, str]]


@pytest.fixture
def forii(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Forii:
    """``forii(*words)`` on the database: the exit status, what was printed, what was said beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forii.toml").write_text("[plans.free]\nrequests_per_minute = 60\n")

    def run(*words: str) -> tuple[int, str, str]:
        result = CliRunner().invoke(app, words, env={"COLUMNS": "240", "FORII_DATABASE": database})
        return result.exit_code, result.stdout, result.stderr

    return run


def insert(database: str, records: Sequence[UsageRecord]) -> None:
    async def run() -> None:
        opened = Database(database_url(database))
        await UsageRepository(opened).insert(records)
        await opened.close()

    asyncio.run(run())


async def plan_of(database: str, secret: str) -> str:
    opened = Database(database_url(database))
    owners = await KeyRepository(opened).owners([digest(secret)])
    await opened.close()
    return owners[digest(secret)].plan


def test_a_key_is_printed_once_and_alone(forii: Forii, database: str) -> None:
    status, printed, beside = forii("keys", "create", "lap top", "--account", "alice")
    secret = printed.rstrip("\n")
    assert (status, is_shaped(secret)) == (0, True)
    key_id = re.findall(r"key_[0-9a-f]{16}", beside)[0]
    status, printed, _ = forii("keys", "list")
    assert status == 0
    assert re.search(rf"{key_id} +alice +lap top +forii_sk_\.\.\.{re.escape(secret[-4:])} .* active", printed)
    assert secret not in printed
    assert forii("keys", "revoke", key_id)[0] == 0
    assert "revoked" in forii("keys", "list", "--account", "alice")[1]
    assert key_id not in forii("keys", "list", "--account", "bob")[1]


def test_a_plan_is_the_accounts_from_then_on(forii: Forii, database: str) -> None:
    secret = forii("keys", "create", "a", "--account", "alice")[1].strip()
    assert asyncio.run(plan_of(database, secret)) == "default"
    assert forii("keys", "create", "b", "--account", "alice", "--plan", "free")[0] == 0
    assert asyncio.run(plan_of(database, secret)) == "free"
    assert forii("keys", "create", "c", "--account", "alice")[0] == 0
    assert asyncio.run(plan_of(database, secret)) == "free", "none given changes none"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("keys", "create", "a", "--plan", "gold"), "default, free"),
        (("keys", "create", "a", "--account", "../x"), "--account"),
        (("keys", "create", ""), "the name"),
        (("keys", "create", "a\x1bb"), "the name"),
        (("keys", "revoke", "key_0123456789abcdef"), "forii keys list"),
        (("usage", "--by", "account"), "--by"),
        (("usage", "--from", "yesterday"), "--from"),
        (("usage", "--from", "2026-02-01", "--to", "2026-01-01"), "--to"),
        (("keys", "list", "--database", "mysql://u:hunter2@h/x"), "database"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: tuple[str, ...], said: str, forii: Forii) -> None:
    status, printed, beside = forii(*words)
    assert (status, printed) == (1, "")
    assert said in beside
    assert "hunter2" not in beside
    assert "Traceback" not in beside


def test_a_database_that_is_away_is_said_without_its_password(forii: Forii, unused_tcp_port: int) -> None:
    url = f"postgresql://forii:hunter2@127.0.0.1:{unused_tcp_port}/forii"
    status, _, beside = forii("usage", "--database", url)
    assert status == 1
    assert f"postgresql://forii:***@127.0.0.1:{unused_tcp_port}/forii cannot be reached" in beside


def test_usage_is_shown_as_a_table_and_as_csv(forii: Forii, database: str) -> None:
    insert(database, [record(cost=Decimal("0.1")), record(account="bob", cost=Decimal("0.2"))])
    insert(database, [record(metadata={"team": "[red]=1"}, prompt_tokens=1000)])
    printed = forii("usage", *JANUARY, "--by", "metadata.team")[1]
    assert re.search(r"2026-01-31 +forii/bytes +2 +20 +10 +0\.3", printed)
    assert re.search(r"2026-01-31 +forii/bytes +\[red\]=1 +1 +1,000 +5 +0\.0125", printed)
    rows = list(
        csv.DictReader(io.StringIO(forii("usage", *JANUARY, "--by", "day", "--csv", "--account", "bob")[1]))
    )
    assert [(row["date"], row["model"], row["requests"], row["cost_inr"]) for row in rows] == [
        ("2026-01-31", "", "1", "0.2")
    ]


def test_what_callers_wrote_gives_the_terminal_no_orders(forii: Forii, database: str) -> None:
    """ESC ] sets its title, CSI 2 J clears it; in the table a line break would make a row of its own."""
    insert(database, [record(user="\x1b]0;mine\x07a\x9b2J\nb", metadata={"team": "\uff1dSUM(1)\x1b[2J"})])
    for words, line_break in (((), "\ufffd"), (("--csv",), "\n")):
        printed = forii("usage", *JANUARY, "--by", "user", *words)[1]
        assert f"\ufffd]0;mine\ufffda\ufffd2J{line_break}b" in printed
        assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]", printed)
    assert "'\uff1dSUM(1)\ufffd[2J" in forii("usage", *JANUARY, "--by", "metadata.team", "--csv")[1]


def test_where_there_is_nothing_it_says_so(forii: Forii) -> None:
    assert "make one with `forii keys create NAME`" in forii("keys", "list")[2]
    status, _, beside = forii("usage", *JANUARY, "--account", "nobody")
    assert (status, beside) == (0, "no usage of the account nobody from 2026-01-01 to 2026-01-31, UTC\n")


def test_csv_has_every_row_and_one_heading(forii: Forii, database: str) -> None:
    insert(database, [record(user=f"user {number}") for number in range(1234)])
    lines = forii("usage", *JANUARY, "--by", "user", "--csv")[1].splitlines()
    assert len(lines) == 1235
    assert [number for number, line in enumerate(lines) if line.startswith("date,")] == [0]


def test_models_are_listed_with_context_and_prices(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["models", "list", "--cache", str(tmp_path)], env={"COLUMNS": "240"})
    assert result.exit_code == 0
    assert re.search(r"model +engine +context +prompt INR/1K +completion INR/1K", result.stdout)
    assert re.search(r"forii/qwen3 +tensorrtllm .* 0\.18 +0\.54 +not built", result.stdout)


def state(database: str, **given: object) -> KeyState:
    return key_state(Settings.model_validate({"database": database, **given}))


def test_the_banner_knows_which_keys_there_are(forii: Forii, database: str) -> None:
    assert state(database) is KeyState.NONE
    with pytest.raises(NotServable, match="forii keys create NAME"):
        state(database, host="0.0.0.0")
    assert state(database, host="0.0.0.0", api_key="operators") is KeyState.OPERATOR
    key_id = re.findall(r"key_[0-9a-f]{16}", forii("keys", "create", "a")[2])[0]
    assert state(database) is state(database, host="0.0.0.0") is KeyState.MADE
    assert state(database, api_key="operators") is KeyState.OPERATOR
    forii("keys", "revoke", key_id)
    assert state(database) is KeyState.MADE, "revoking the last one opens nothing"
    with pytest.raises(NotServable):
        state(database, host="0.0.0.0")


def test_a_database_that_is_away_lets_it_start_but_nobody_in(unused_tcp_port: int, tmp_path: Path) -> None:
    url = f"postgresql://forii@127.0.0.1:{unused_tcp_port}/forii"
    assert state(url, host="0.0.0.0") is KeyState.UNKNOWN
    assert KeyState.UNKNOWN.asked
    fresh = f"sqlite:///{tmp_path / 'fresh' / 'forii.db'}"
    assert state(fresh) is KeyState.NONE
    assert not (tmp_path / "fresh").exists(), "nothing is made before it is needed"
