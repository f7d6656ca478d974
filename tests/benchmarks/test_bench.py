"""The benchmark's own programs: each counts what was sent, and the report replaces only its part."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import arguments, results
from benchmarks.child import loaded, serving
from proxy.formats.parser import FORMATS, find_format


def test_the_reader_gets_every_token_of_the_mock_engine_at_its_pace() -> None:
    with serving("benchmarks.mock_engine", 5) as engine:
        load, cpu = loaded("benchmarks.bare_grpc", engine.address, "any", 3, 2, 10, 20)
        assert engine.cpu() > 0
        assert engine.memory() > 10
    assert (load.requests, load.tokens, load.errors) == (6, 120, 0)
    assert load.seconds > 2 * 20 * 0.005
    assert 0 < load.first_ms < 1000 * load.seconds
    assert cpu > 0


def test_the_client_counts_the_answers_of_the_ready_made_sender() -> None:
    with serving("benchmarks.ready_made", 0) as sender:
        load, _ = loaded("benchmarks.load", f"http://{sender.address}/", 4, 3, '{"max_tokens": 25}')
    assert (load.requests, load.tokens, load.chunks, load.errors) == (12, 300, 300, 0)


def test_the_client_tells_what_went_wrong() -> None:
    with serving("benchmarks.ready_made", 0) as sender:
        load, _ = loaded("benchmarks.load", f"http://{sender.address}/", 1, 1, "no JSON")
    assert (load.errors, load.tokens) == (1, 0)
    assert "500" in load.fault


def test_a_run_replaces_the_last_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "results.md"
    path.write_text("head\n<!-- written by make bench -->\nold\n<!-- end -->\nnotes\n")
    results.write("new\n", path)
    assert path.read_text() == "head\n<!-- written by make bench -->\nnew\n<!-- end -->\nnotes\n"
    path.write_text("head\n")
    with pytest.raises(ValueError, match="written by make bench"):
        results.write("new\n", path)


def test_the_parsers_of_every_family_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ROUNDS", 1), ("SHORT", 200), ("LONG", 2000), ("TOKENS", 100)):
        monkeypatch.setattr(arguments, name, value)
    rows = arguments.table()
    for name, family in FORMATS.items():
        assert (f"| {name} | " in rows) == (family.calls is not None)
    with pytest.raises(ValueError, match="read as something else"):
        arguments._seconds(find_format("plain"), [arguments._answer("hermes", 200)])
