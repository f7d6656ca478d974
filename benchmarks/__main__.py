"""``make bench``: all measurements in one run, shown as they come and written to results.md.

The mock engine shows the proxy alone; the scripted model in a real Triton, the proxy with its real counterpart;
the default model, what the CPU engine gives to one, four and eight clients.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import arguments, gaps, line, results, streams
from benchmarks.child import serving
from benchmarks.proxy import Proxy, running
from build_engines.build import TEMPLATES, build
from build_engines.progress import Silent
from build_engines.recipe import Manifest, Recipe, load_manifest
from build_engines.repository import template_files, write_model_folder
from build_engines.sections import OpenVinoEngine
from build_engines.shipped import find_recipe
from launcher.triton import EmbeddedTriton
from proxy.settings import Settings

_SCRIPTED = "bench/scripted"
_PACES = (0, 20)
_ENGINE_STREAMS = (1, 4, 8)
_ENGINE_TOKENS = 128
_STORY = "Tell me a story about a lion."
_TRITON_SECONDS = 120


class _Report:
    """Text that is shown at once and kept."""

    def __init__(self) -> None:
        self.text = ""

    def add(self, text: str) -> None:
        self.text += text
        sys.stdout.write(text)
        sys.stdout.flush()


def main() -> None:
    cache = Settings().cache
    recipe = find_recipe("forii/smollm2-135m")
    exact = build(recipe, cache, Silent())
    report = _Report()
    report.add(results.heading())
    floors = {pace: streams.senders(pace) for pace in _PACES}
    with tempfile.TemporaryDirectory(prefix="forii-bench-") as folder:
        report.add(streams.HEAD)
        request = _mock(exact, Path(folder), floors, report)
        fast = build(_renamed(recipe, "fast"), cache, Silent())
        speeds = _triton(exact, fast, Path(folder), floors, report)
    report.add(f"\nA request with a 200-token prompt: {1e6 * request:.0f} µs of the proxy's CPU.\n\n")
    report.add("| default model, tokens/s | 1 stream | 4 | 8 | 8 / 1 |\n|---|---|---|---|---|\n")
    for precision, speed in speeds.items():
        report.add(f"| {precision} | " + " | ".join(f"{one:.0f}" for one in speed))
        report.add(f" | {speed[-1] / speed[0]:.1f} |\n")
    report.add(f"\n{gaps.HEAD}")
    for row in _gaps(exact):
        report.add(str(row))
    report.add("\nThe line from request to event bytes alone, without HTTP and gRPC (`benchmarks/line.py`):\n\n")
    report.add(line.table(asyncio.run(line.measure(exact))))
    report.add("\nThe parsers alone (`benchmarks/arguments.py`):\n\n")
    report.add(arguments.table())
    results.write(report.text)


def _mock(build: Path, folder: Path, floors: dict[int, dict[int, float]], report: _Report) -> float:
    """The proxy alone; returns the CPU seconds of a request."""
    manifest = load_manifest(build)
    model, request = manifest.recipe.model.id, 0.0
    for pace in _PACES:
        with (
            serving("benchmarks.mock_engine", pace) as engine,
            running(engine.address, [build], folder / "proxy.log") as proxy,
        ):
            request = request or streams.request_cost(proxy, model)
            grpc = (engine.address, manifest.triton_model)
            for row in streams.rows("mock", proxy, grpc, model, pace, floors[pace], request):
                report.add(str(row))
    return request


def _gaps(build: Path) -> list[gaps.Row]:
    """A stream beside long prompts, on the mock engine."""
    with (
        tempfile.TemporaryDirectory(prefix="forii-bench-") as folder,
        serving("benchmarks.mock_engine", gaps.PACE) as engine,
        running(engine.address, [build], Path(folder) / "proxy.log") as proxy,
    ):
        return asyncio.run(gaps.rows(proxy.child.address, load_manifest(build).recipe.model.id))


def _triton(
    exact: Path, fast: Path, folder: Path, floors: dict[int, dict[int, float]], report: _Report
) -> dict[str, list[float]]:
    """The proxy in front of a real Triton; returns the real engine's tokens/s by precision."""
    scripted = _scripted_build(exact, folder / "scripted")
    builds = {"scripted": scripted, "exact": exact, "fast": fast}
    with (
        _embedded(list(builds.values()), folder) as triton,
        running(triton.grpc_address, list(builds.values()), folder / "proxy.log") as proxy,
    ):
        request = streams.request_cost(proxy, _SCRIPTED)
        grpc = (triton.grpc_address, load_manifest(scripted).triton_model)
        for pace in _PACES:
            _set_pace(scripted, pace)
            for row in streams.rows("Triton", proxy, grpc, _SCRIPTED, pace, floors[pace], request):
                report.add(str(row))
        return {name: _speeds(proxy, load_manifest(builds[name])) for name in ("exact", "fast")}


def _speeds(proxy: Proxy, manifest: Manifest) -> list[float]:
    """Tokens a second of all streams together."""
    model = manifest.recipe.model.id
    proxy.load(model, 1, 1, 8, _STORY)
    loads = [proxy.load(model, count, 1, _ENGINE_TOKENS, _STORY)[0] for count in _ENGINE_STREAMS]
    return [load.tokens / load.seconds for load in loads]


@contextlib.contextmanager
def _embedded(builds: list[Path], folder: Path) -> Iterator[EmbeddedTriton]:
    with EmbeddedTriton(builds, log_path=folder / "triton.log", run_root=folder) as triton:
        triton.wait_ready(_TRITON_SECONDS)
        yield triton


def _renamed(recipe: Recipe, precision: str) -> Recipe:
    """The same model under a name of its own, so that both run beside each other."""
    section = recipe.model.model_copy(update={"id": f"bench/{precision}", "aliases": ()})
    engine = OpenVinoEngine.model_validate({**recipe.engine.model_dump(), "precision": precision})
    return recipe.model_copy(update={"model": section, "engine": engine})


def _scripted_build(build: Path, folder: Path) -> Path:
    """The scripted model with the tokenizer of a real one."""
    manifest = load_manifest(build)
    section = manifest.recipe.model.model_copy(update={"id": _SCRIPTED, "aliases": ()})
    recipe = manifest.recipe.model_copy(update={"model": section})
    values: dict[str, str | int] = {
        "triton_model": "bench-scripted",
        "context": manifest.context,
        "vocab_size": manifest.vocab_size,
        "end_ids": ",".join(map(str, manifest.end_ids)),
        "pad_id": manifest.pad_id,
    }
    write_model_folder(template_files(TEMPLATES, "scripted"), values, folder / "repository" / "bench-scripted")
    (folder / "tokenizer").symlink_to(build / "tokenizer")
    mine = manifest.model_copy(update={"recipe": recipe, "triton_model": "bench-scripted"})
    (folder / "manifest.json").write_text(mine.model_dump_json(), encoding="utf-8")
    _set_pace(folder, 0)
    return folder


def _set_pace(build: Path, pace: int) -> None:
    script = build / "repository/bench-scripted/1/script.json"
    # Words, whatever the prompt was.
    answer = {"after": [], "ids": [1000 + number % 3000 for number in range(8000)]}
    new = script.with_suffix(".new")
    new.write_text(json.dumps({"pace_ms": pace, "answers": [answer]}), encoding="utf-8")
    new.replace(script)


if __name__ == "__main__":
    main()
