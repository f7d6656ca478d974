"""The rows of the database against what the engines gave: how the requests went out in, a table out."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.metering.clients import Outcome
from benchmarks.metering.fleet import Fleet, Kill
from benchmarks.metering.slots import Slot

# Seconds within which a busy proxy notices that a client has left and tells its journal; and within which a busy
# client reads what was there when the proxy was killed, which is less than a new one takes to start.
_JUST_BEFORE, _JUST_AFTER = 0.25, 1.0


@dataclass(frozen=True)
class Row:
    """ids: received, those that were thrown away included."""

    ids: int
    status: int


@dataclass
class Group:
    """Requests that went out alike. short: ids that their rows lack. most: the most that one of them lacks."""

    requests: int = 0
    rows: int = 0
    exact: int = 0
    given: int = 0
    recorded: int = 0
    most: int = 0


@dataclass
class Verdict:
    """wrong: what must not be, in words."""

    groups: dict[str, Group] = field(default_factory=lambda: defaultdict(Group))
    wrong: list[str] = field(default_factory=list)

    def table(self) -> str:
        lines = [
            "| requests | how many | rows | exact | ids given | ids recorded | most missing of one |",
            "|---|---|---|---|---|---|---|",
        ]
        for name, one in sorted(self.groups.items()):
            cells = (one.requests, one.rows, one.exact, one.given, one.recorded, one.most)
            lines.append(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |")
        return "\n".join(lines) + "\n"


def judge(fleet: Fleet, outcomes: Sequence[Outcome], limit: int) -> Verdict:
    """limit: how many ids a row of a request that was cut may lack."""
    verdict = Verdict()
    found = _rows(fleet.database, verdict)
    for outcome in outcomes:
        slot = fleet.slot(outcome.number)
        name = _group(outcome, slot, fleet.kills)
        _add(verdict, name, outcome, slot, found.pop(outcome.number, None), limit)
    if found:
        verdict.wrong.append(f"rows of requests that nobody made: {sorted(found)[:5]}")
    return verdict


_CUT, _NEAR = "cut by a SIGKILL", "the client left near a SIGKILL"
_NAMES = {
    "answered": "answered whole",
    "failed": "the engine failed",
    "left": "the client left",
    "cut": "cut without a SIGKILL",
}


def _add(verdict: Verdict, name: str, outcome: Outcome, slot: Slot, row: Row | None, limit: int) -> None:
    group = verdict.groups[name]
    group.requests += 1
    group.given += slot.ids
    if row is not None:
        group.rows += 1
        group.recorded += row.ids
        group.exact += row.ids == slot.ids
        if row.ids > slot.ids:
            verdict.wrong.append(f"request {outcome.number}: {row.ids} ids in its row, {slot.ids} were given")
    missing = slot.ids - (row.ids if row is not None else 0)
    group.most = max(group.most, missing)
    if name not in (_CUT, _NEAR) and slot.begun and (row is None or missing):
        verdict.wrong.append(f"request {outcome.number}, {name}: {slot.ids} ids were given, its row says {row}")
    if missing > limit:
        verdict.wrong.append(f"request {outcome.number}: {missing} ids are missing, which is more than {limit}")


def _group(outcome: Outcome, slot: Slot, kills: Iterable[Kill]) -> str:
    """An answer that its client had whole was not cut. One whose client left was, if it still ran in the engine
    when its proxy was killed. If it had ended, but at about that time, nobody can tell which of the two came
    first: those stand apart."""
    mine = [kill for kill in kills if kill.proxy == outcome.proxy]
    if not mine or outcome.how not in ("left", "cut"):
        return _NAMES[outcome.how]
    if outcome.how == "cut" or slot.ended < slot.begun:
        return _CUT
    near = any(kill.since - _JUST_BEFORE < outcome.ended < kill.until + _JUST_AFTER for kill in mine)
    return _NEAR if near else _NAMES["left"]


def _rows(database: Path, verdict: Verdict) -> dict[int, Row]:
    found: dict[int, Row] = {}
    with closing(sqlite3.connect(database)) as connection:
        columns = 'CAST("user" AS INTEGER), completion_tokens + retried_completion_tokens, status'
        for number, ids, status in connection.execute(f"SELECT {columns} FROM usage"):
            if number in found:
                verdict.wrong.append(f"request {number} has two rows")
            found[number] = Row(ids, status)
    return found
