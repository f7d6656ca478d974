#!/usr/bin/env python3
"""A stand-in for tritonserver, or mpirun, for tests of the entrypoint. What it does is in FORII_STAND_IN: ``good``
is ready and ends on SIGTERM; ``dies:<status>`` ends at once; ``hangs`` is never ready; ``ignores`` is ready and
deaf to SIGTERM, as is its child. It leaves its arguments in FORII_STAND_IN_FOLDER."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def end(number: int, frame: object) -> None:
    (folder / "terminated").touch()
    sys.exit(0)


folder = Path(os.environ["FORII_STAND_IN_FOLDER"])
deed, _, status = os.environ["FORII_STAND_IN"].partition(":")
(folder / "argv.json").write_text(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]))
if deed == "dies":
    sys.exit(int(status))
if deed == "ignores":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    (folder / "pids.json").write_text(json.dumps([os.getpid(), child.pid]))
else:
    signal.signal(signal.SIGTERM, end)
    (folder / "pids.json").write_text(json.dumps([os.getpid()]))
if deed == "hangs":
    time.sleep(300)


class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/v2/health/ready" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


port = next(int(argument.rpartition("=")[2]) for argument in sys.argv if argument.startswith("--http-port="))
http.server.ThreadingHTTPServer(("127.0.0.1", port), Ready).serve_forever()
