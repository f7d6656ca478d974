"""The short version of ``make meterbench``: what it checks must hold, and what it does must have happened."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.metering.__main__ import run
from benchmarks.metering.asked import asked, number_of
from benchmarks.metering.slots import Slot, Slots

REQUESTS, KILLS = 300, 2


@pytest.mark.timeout(300)
async def test_rows_are_what_the_engines_gave_whatever_was_killed_meanwhile(tmp_path: Path) -> None:
    verdict = await run(tmp_path, REQUESTS, KILLS, outage=2.0, seed=3)
    assert verdict.wrong == []
    groups = verdict.groups
    assert sum(group.requests for group in groups.values()) == REQUESTS
    assert "cut without a SIGKILL" not in groups
    for name in ("answered whole", "the client left", "the engine failed"):
        assert groups[name].exact == groups[name].rows == groups[name].requests > 0
        assert groups[name].recorded == groups[name].given
    assert 0 < groups["cut by a SIGKILL"].requests < REQUESTS
    assert groups["cut by a SIGKILL"].recorded <= groups["cut by a SIGKILL"].given


def test_slots_are_seen_by_whoever_has_the_file(tmp_path: Path) -> None:
    ours, theirs = Slots(tmp_path / "slots", 3), Slots(tmp_path / "slots", 3)
    ours.add(2, ids=5, begun=1)
    assert theirs.of(2) == Slot(5, 1, 0)
    assert theirs.of(1) == Slot()


def test_a_prompt_says_which_request_it_is_of() -> None:
    body = asked(1234).body("m")
    messages = body["messages"]
    assert isinstance(messages, list)
    assert number_of([256, *messages[0]["content"].encode(), 257]) == 1234
    with pytest.raises(ValueError, match="not a prompt"):
        number_of([256, 257])


def test_requests_are_of_all_kinds_and_the_same_each_time() -> None:
    first = [asked(number) for number in range(200)]
    assert first == [asked(number) for number in range(200)]
    assert {one.kind for one in first} == {"streamed", "whole", "two samples", "generated again", "engine fails"}
