"""``python -m proxy.grammar``: the grammar and its marks, or exit 2 and the reason."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.maskbench.reader import Reader
from proxy.grammar.__main__ import main

PERSON = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def schema_file(folder: Path, text: str) -> str:
    path = folder / "schema.json"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_it_prints_a_grammar_that_a_reader_takes(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "proxy.grammar", schema_file(tmp_path, json.dumps(PERSON))]
    done = subprocess.run(argv, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    *rules, marks = done.stdout.splitlines(keepends=True)
    assert marks == "# checked afterwards: nothing\n"
    reader = Reader("".join(rules))
    assert reader.accepts('{"name": "Ada"}')
    assert not reader.accepts('{"name": "Ada", "age": 36}')


def test_open_lets_further_keys_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([schema_file(tmp_path, json.dumps(PERSON)), "--open"]) == 0
    ebnf = capsys.readouterr().out.rpartition("# checked")[0]
    assert Reader(ebnf).accepts('{"name": "Ada", "age": 36}')


def test_it_names_the_words_left_to_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
    assert main([schema_file(tmp_path, json.dumps(schema))]) == 0
    assert capsys.readouterr().out.endswith("# checked afterwards: uniqueItems\n")


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"const": true}'))
    assert main(["-"]) == 0
    assert capsys.readouterr().out.startswith("root ::= ")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"properties": {"age": {"type": "whole"}}}', "#/properties/age"),
        ('{"type": ', "no JSON"),
        ("[" * 100_000, "nested too deep"),
    ],
)
def test_what_is_refused_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    assert main([schema_file(tmp_path, text)]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert reason in shown.err


def test_a_missing_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "none.json: No such file" in capsys.readouterr().err
