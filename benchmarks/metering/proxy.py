"""One proxy with a scripted engine in it, as a process that can be killed::

python -m benchmarks.metering.proxy PORT BUILD STATE SLOTS COUNT metered|unmetered PACE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from benchmarks.metering.asked import asked, number_of
from benchmarks.metering.slots import Slots
from proxy.accounts.metering import Metering
from proxy.app import create_app
from proxy.engines.scripted import Script, ScriptedEngine
from proxy.errors import EngineFailed
from proxy.generation import Generation, Tokens
from proxy.interpreter import calm
from proxy.logs import configure
from proxy.settings import Settings

KEY = "key-of-the-benchmark"


def script(slots: Slots, pace: float) -> Script:
    def play(generation: Generation) -> Iterator[Tokens | float | Exception]:
        number = number_of(generation.prompt)
        what, attempt = asked(number), slots.add(number, begun=1).begun - 1
        try:
            for place in range(what.messages):
                if pace:
                    yield pace
                ids = what.message(place, attempt)
                slots.add(number, ids=len(ids))
                yield Tokens(tuple(ids))
                if what.kind == "engine fails" and place >= what.messages // 2:
                    yield EngineFailed("The engine is told to fail; send the request again.")
            yield Tokens((), (), "stop")
        finally:
            slots.add(number, ended=1)

    return play


def unmeter() -> None:
    """Takes the metering out, to see what it costs."""

    def nothing(*_: object) -> None: ...

    for name in ("begin", "complete", "end"):
        setattr(Metering, name, nothing)


def main(port: str, build: str, state: str, slots: str, count: str, metered: str, pace: str) -> None:
    configure("warning")
    if metered == "unmetered":
        unmeter()
    settings = Settings.model_validate(
        {"models": (build,), "state": state, "api_key": KEY, "max_running": 512, "max_waiting": 4096}
    )
    app = create_app(settings, ScriptedEngine(script(Slots(Path(slots), int(count)), float(pace))))
    calm()
    uvicorn.run(app, port=int(port), log_config=None, access_log=False, timeout_graceful_shutdown=10)


if __name__ == "__main__":
    main(*sys.argv[1:])
