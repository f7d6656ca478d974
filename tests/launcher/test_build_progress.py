from __future__ import annotations

import io

from rich.console import Console

from launcher.build_progress import BuildProgress


def test_each_step_has_a_line_and_bytes_where_counted() -> None:
    terminal = io.StringIO()
    with BuildProgress(Console(file=terminal, width=100)) as progress:
        progress.start("fetch")
        progress.advance("fetch", 2_000_000, None)
        progress.advance("fetch", 61_200_000, 98_400_000)
        progress.finish("fetch", 1.5)
        progress.start("tokenizer")
    first, second = terminal.getvalue().strip().splitlines()
    assert first.startswith("Getting the weights")
    assert "98.4/98.4 MB" in first
    assert second.startswith("Making the tokenizer")
    assert "MB" not in second


def test_a_wait_for_another_build_is_said_until_it_is_over() -> None:
    for over, expected in ((False, True), (True, False)):
        terminal = io.StringIO()
        with BuildProgress(Console(file=terminal, width=100)) as progress:
            progress.wait("export")
            if over:
                progress.finish("export", 3.0)
        assert ("another build is at it" in terminal.getvalue()) is expected


def test_a_step_without_a_title_shows_its_name() -> None:
    terminal = io.StringIO()
    with BuildProgress(Console(file=terminal, width=100)) as progress:
        progress.start("polish")
    assert terminal.getvalue().startswith("polish")
