"""Runs a program that dies with the builder, even by SIGKILL of it. Run as a file, without this package::

python leash.py BUILDER_PID PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _leash(builder: int, program: list[str]) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() == builder:  # else it died before the kernel knew
        try:
            os.execvp(program[0], program)
        except FileNotFoundError:
            sys.exit(f"{program[0]}: there is no such program on PATH")


if __name__ == "__main__":
    _leash(int(sys.argv[1]), sys.argv[2:])
