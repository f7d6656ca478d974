"""Whether this machine can run the embedded Triton: facts in, what is missing and what to do about it out.

Needs nothing but a bare Python 3.8: ``python3 launcher/machine.py`` is run before any package is installed. It
prints the problems and exits with 1, or prints nothing and exits with 0.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import sysconfig
from dataclasses import dataclass

_GLIBC = (2, 35)  # what the wheel of nvidia-pytriton is built for
_PYTHONS = ((3, 10), (3, 11), (3, 12))  # those that every package of the embedded stack has wheels for


@dataclass(frozen=True)
class Facts:
    """What the embedded Triton depends on. glibc is None on another C library; bash starts the model processes;
    libpython is whether the shared library of this very Python can be loaded."""

    system: str
    processor: str
    glibc: tuple[int, int] | None
    python: tuple[int, int]
    libpython: bool
    bash: bool


def facts() -> Facts:
    """The facts of this machine and this interpreter."""
    return Facts(
        system=platform.system(),
        processor=platform.machine(),
        glibc=_glibc(),
        python=sys.version_info[:2],
        libpython=_has_libpython(),
        bash=any(os.access(os.path.join(folder, "bash"), os.X_OK) for folder in os.get_exec_path()),
    )


def problems(found: Facts) -> list[str]:
    """One text for each thing that is missing, and a last one with the way around; nothing if all is there."""
    texts = [*_system_problems(found), *_python_problems(found)]
    if texts:
        texts.append(
            "Or use a Triton that runs elsewhere: `make serve TRITON=HOST:PORT MODEL=FOLDER` needs none of this;"
            " FOLDER is the finished build of the model that it serves, copied from where it was built."
        )
    return texts


def _system_problems(found: Facts) -> list[str]:
    texts = []
    if (found.system, found.processor) != ("Linux", "x86_64"):
        texts.append(
            f"The embedded Triton runs on x86-64 Linux only, this is {found.system} on {found.processor}."
        )
    elif found.glibc is None or found.glibc < _GLIBC:
        have = "another C library" if found.glibc is None else f"glibc {_dotted(found.glibc)}"
        texts.append(
            f"The embedded Triton needs glibc {_dotted(_GLIBC)} or newer, this system has {have}: use Debian 12,"
            " Ubuntu 22.04, Fedora 36 or newer."
        )
    if not found.bash:
        texts.append("bash is missing, with which Triton starts the processes of its models: install it.")
    return texts


def _python_problems(found: Facts) -> list[str]:
    version = _dotted(found.python)
    if found.python not in _PYTHONS:
        return [
            f"This is Python {version}, the embedded Triton needs 3.10, 3.11 or 3.12: `make serve"
            " PYTHON=python3.11` picks another one (run `make clean` first if .venv exists)."
        ]
    if not found.libpython:
        return [
            f"libpython{version}.so.1.0 is missing, the shared library of this Python, which Triton's model"
            f" processes load: install the package libpython{version} (Debian, Ubuntu) or python{version}-libs"
            " (Fedora), or build Python with --enable-shared (pyenv, uv and conda: a version that has it)."
        ]
    return []


def _glibc() -> tuple[int, int] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (AttributeError, ValueError):  # not Linux, or another C library
        return None
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) if name == "glibc" else None


def _has_libpython() -> bool:
    name = f"libpython{_dotted(sys.version_info[:2])}.so.1.0"
    folder = sysconfig.get_config_var("LIBDIR") or ""
    for library in (os.path.join(folder, name), name):
        try:
            ctypes.CDLL(library)
        except OSError:
            continue
        return True
    return False


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def main() -> int:
    """Prints the problems of this machine; returns the exit status."""
    texts = problems(facts())
    sys.stderr.write("".join(f"{text}\n" for text in texts))
    return 1 if texts else 0


if __name__ == "__main__":
    sys.exit(main())
