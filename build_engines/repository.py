"""A Triton model folder out of its template: placeholders ``${name}`` in config.pbtxt, filled strictly.

Template (``model_repository/openvino``) and result::

    config.pbtxt    name: "${triton_model}" ...     <triton_model>/config.pbtxt
    1/model.py                                      <triton_model>/1/model.py
    ../python/*.py  shared by the Python engines    <triton_model>/1/*.py
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from build_engines.recipe import BuildError

CONFIG = "config.pbtxt"
_PLACEHOLDER = re.compile(r"\$(?:\{(?P<name>[a-z_]+)\}|(?P<dollar>\$))?")


class TemplateError(BuildError):
    """A template and the values for it that do not fit; the message names the placeholder."""


def fill(template: str, values: Mapping[str, str | int]) -> str:
    """Puts the values into ``${name}`` placeholders, escaped for the inside of a protobuf text string.

    Raises TemplateError for a placeholder without a value, a value without a placeholder, and a ``$`` that
    starts no placeholder (``$$`` is a plain one).
    """
    used: set[str] = set()

    def put(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            if found["dollar"] is None:
                raise TemplateError("has a $ that starts no ${placeholder}; write $$ for a plain one")
            return "$"
        if name not in values:
            raise TemplateError(f"has the placeholder ${{{name}}}, for which there is no value")
        used.add(name)
        return _escaped(str(values[name]))

    text = _PLACEHOLDER.sub(put, template)
    unused = sorted(set(values) - used)
    if unused:
        raise TemplateError(f"lacks the placeholder ${{{unused[0]}}}")
    return text


def template_files(templates: Path, kind: str) -> dict[str, Path]:
    """The files of one engine kind by their path in the finished model folder.

    Raises TemplateError when there is no template of that kind, or two of its files have the same name.
    """
    files = {CONFIG: templates / kind / CONFIG}
    if not files[CONFIG].is_file():
        raise TemplateError(f"{files[CONFIG]}: no such template")
    for path in [*sorted((templates / kind / "1").glob("*.py")), *sorted((templates / "python").glob("*.py"))]:
        if f"1/{path.name}" in files:
            raise TemplateError(f"{path}: a file of this name is already in {files[f'1/{path.name}'].parent}")
        files[f"1/{path.name}"] = path
    return files


def template_digest(files: Mapping[str, Path]) -> str:
    """SHA-256 in hex over the names and contents of template files."""
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def write_model_folder(files: Mapping[str, Path], values: Mapping[str, str | int], folder: Path) -> None:
    """Writes the Triton model folder ``folder``, which must not exist. Raises TemplateError as ``fill``."""
    (folder / "1").mkdir(parents=True)
    for name, path in files.items():
        if name != CONFIG:
            shutil.copyfile(path, folder / name)
    try:
        config = fill(files[CONFIG].read_text(encoding="utf-8"), values)
    except TemplateError as error:
        raise TemplateError(f"{files[CONFIG]}: {error}") from error
    (folder / CONFIG).write_text(config, encoding="utf-8")


def link_files(source: Path, target: Path) -> None:
    """Hard links of all files in a folder, so that weights lie on the disk once; copies where the file system has
    none. ``target`` must not exist."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        try:
            os.link(path, target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)


def limit_tokenizer(path: Path, context: int) -> None:
    """Writes the context into a tokenizer_config.json, which may be a link to another step's."""
    config = json.loads(path.read_bytes())
    path.unlink()
    text = json.dumps({**config, "model_max_length": context}, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")


def _escaped(value: str) -> str:
    """C escapes, all that is not printable ASCII as octal bytes (protobuf text format)."""
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b"\"'\\" else f"\\{byte:03o}" for byte in value.encode()
    )
