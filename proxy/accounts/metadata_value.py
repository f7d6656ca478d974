"""One value of a request's metadata in SQL: the only place where databases differ about JSON."""

from __future__ import annotations

from sqlalchemy import ColumnElement, String, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement


class MetadataValue(FunctionElement[str]):
    """The text at a key of a column of metadata, null where there is none. key: any text; it is never part of the
    statement."""

    type = String()
    name = "metadata_value"
    inherit_cache = True

    def __init__(self, column: ColumnElement[object], key: str) -> None:
        super().__init__(column, literal(key, String()))


@compiles(MetadataValue, "postgresql")
def _on_postgresql(element: MetadataValue, compiler: SQLCompiler, **words: object) -> str:
    column, key = (compiler.process(clause, **words) for clause in element.clauses)
    return f'(({column} ->> {key}) COLLATE "C")'


@compiles(MetadataValue, "sqlite")
def _on_sqlite(element: MetadataValue, compiler: SQLCompiler, **words: object) -> str:
    # Not by a JSON path, which could not name every key.
    column, key = (compiler.process(clause, **words) for clause in element.clauses)
    return f"(SELECT pair.value FROM json_each({column}) AS pair WHERE pair.key = {key})"
