"""``python -m proxy.grammar SCHEMA.json [--open]``: a JSON Schema in (``-``: from standard input), its EBNF out.

::

    root ::= "{" ...
    # checked afterwards: format, uniqueItems

Exit status 2, and the reason with a JSON pointer on standard error, for a schema that is refused.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from . import InvalidSchema, compile_schema

_REFUSED = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status. arguments: of the command line, by default the process's own."""
    parser = argparse.ArgumentParser(prog="python -m proxy.grammar", description="JSON Schema to EBNF.")
    parser.add_argument("schema", metavar="SCHEMA.json", help="a file, or - for standard input")
    parser.add_argument(
        "--open", action="store_true", help="let objects have the keys that the schema allows unsaid"
    )
    given = parser.parse_args(arguments)
    try:
        text = sys.stdin.read() if given.schema == "-" else Path(given.schema).read_text(encoding="utf-8")
        compiled = compile_schema(json.loads(text), open_objects=given.open)
    except InvalidSchema as error:
        return _refused(str(error))
    except OSError as error:
        return _refused(f"{given.schema}: {error.strerror}")
    except RecursionError:
        return _refused("#: the schema is nested too deep to be read; flatten it")
    except ValueError as error:
        return _refused(f"{given.schema}: no JSON: {error}")
    marks = ", ".join(sorted(compiled.checked)) or "nothing"
    sys.stdout.write(f"{compiled.ebnf}# checked afterwards: {marks}\n")
    return 0


def _refused(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return _REFUSED


if __name__ == "__main__":
    sys.exit(main())
