"""A JSON Schema in, its grammar and its check out: the front door of the compiler."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import jsonschema_rs

from .compiler import Compiler
from .document import Document
from .draft import Draft, escape
from .invalid import InvalidSchema
from .json_value import JSON

SECONDS = 2.0  # a compilation may take


@dataclass(frozen=True)
class SchemaCheck:
    """A schema that values can be held against. Can be pickled."""

    schema: JSON = field(repr=False)
    draft: Draft = field(repr=False)

    def validate(self, instance: JSON) -> list[str]:
        """What is wrong with the instance, as ``#/items/0: message``; empty if nothing is."""
        return [
            f"#{''.join('/' + escape(str(part)) for part in error.instance_path)}: {error.message}"
            for error in self._validator.iter_errors(instance)
        ]

    @cached_property
    def _validator(self) -> jsonschema_rs.Validator:
        return self.draft.validator(self.schema, validate_formats=True, offline=True)


@dataclass(frozen=True)
class CompiledSchema(SchemaCheck):
    """ebnf: the grammar, whose root is ``root``. checked: the keywords that it does not say exactly: where there
    are any, a text that it accepts has to be validated too. Can be pickled."""

    ebnf: str
    checked: tuple[str, ...]


def compile_schema(schema: JSON, *, open_objects: bool = False, seconds: float = SECONDS) -> CompiledSchema:
    """The grammar of the JSON texts that satisfy the schema, as answers are written: one space after ``:`` and
    ``,``, keys in the order of ``properties``.

    open_objects: an object that lists its properties and says nothing of others may have others, as the letter of
    the schema has it; without this it has none, so that a model comes to an end. seconds: how long it may take.
    Raises InvalidSchema, and nothing else, for a schema that is refused. Source: JSON Schema, draft-04 to 2020-12.
    """
    try:
        document = Document(schema)
        ebnf, marks = Compiler(document, open_objects=open_objects, seconds=seconds).run()
    except RecursionError:
        raise InvalidSchema("the schema is nested too deeply") from None
    return CompiledSchema(document.schema, document.draft, ebnf, tuple(sorted(marks)))
