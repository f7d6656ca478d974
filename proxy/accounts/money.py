"""Money in a database: decimals in, the same decimals out, on every database.

PostgreSQL has decimals. SQLite has none: there an amount is an integer of millionths of a millionth of a rupee. It
holds 9.2 million rupees in one row; sums are taken in two parts, so that they hold as much as anybody owes.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from sqlalchemy import BigInteger, ColumnElement, Numeric, String
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

DIGITS = 12
_SCALE = 10**DIGITS
_HALF = 10**6
_SMALLEST = Decimal(1).scaleb(-DIGITS)


def rounded(amount: Decimal) -> Decimal:
    """To the 12 digits after the point that are kept; a price of 9 digits for 1,000 tokens loses none."""
    return amount.quantize(_SMALLEST, ROUND_HALF_EVEN)


def plain(amount: Decimal) -> str:
    """As people write it: ``0.0125``, ``500``; no exponent, no zeros at the end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def split(amount: Decimal) -> tuple[int, int]:
    """Rupees, and the rest in millionths of a millionth, which is not negative."""
    units = int(rounded(amount).scaleb(DIGITS))
    return units // _SCALE, units % _SCALE


def joined(rupees: int, rest: int) -> Decimal:
    """The amount of so many rupees and millionths of a millionth, both of any size."""
    return Decimal(rupees * _SCALE + rest).scaleb(-DIGITS)


class Money(TypeDecorator[Decimal]):
    """A column of amounts."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[int] | TypeEngine[Decimal]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(BigInteger())
        return dialect.type_descriptor(Numeric(28, DIGITS))

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | Decimal | None:
        if value is None:
            return None
        exact = rounded(value)
        return int(exact.scaleb(DIGITS)) if dialect.name == "sqlite" else exact

    def process_result_value(self, value: int | Decimal | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        return Decimal(value).scaleb(-DIGITS) if dialect.name == "sqlite" else Decimal(value)


class _Sum(TypeDecorator[Decimal]):
    """What ``Total`` gives: on SQLite two integers in a text, ``high:low``."""

    impl = Numeric
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str] | TypeEngine[Decimal]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String())
        return dialect.type_descriptor(Numeric(asdecimal=True))

    def process_result_value(self, value: str | Decimal | None, dialect: Dialect) -> Decimal | None:
        if value is None:
            return None
        if isinstance(value, str):
            high, _, low = value.partition(":")
            return Decimal(int(high) * _HALF + int(low)).scaleb(-DIGITS)
        return Decimal(value)


class Total(FunctionElement[Decimal]):
    """The exact sum of a Money column; 0 of no rows."""

    type = _Sum()
    name = "total"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Decimal]) -> None:
        super().__init__(column)


@compiles(Total)
def _total(element: Total, compiler: SQLCompiler, **words: object) -> str:
    return f"coalesce(sum({compiler.process(element.clauses, **words)}), 0)"


@compiles(Total, "sqlite")
def _total_on_sqlite(element: Total, compiler: SQLCompiler, **words: object) -> str:
    column = compiler.process(element.clauses, **words)
    # The remainder has the sign of the amount, so the two parts make up the amount whatever its sign.
    return f"coalesce(sum({column} / {_HALF}), 0) || ':' || coalesce(sum({column} % {_HALF}), 0)"
