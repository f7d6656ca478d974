"""The one error of the grammar compiler."""

from __future__ import annotations


class InvalidSchema(ValueError):
    """A schema that is refused. path: a JSON pointer to the place, as ``#/properties/age``. keyword: the word that
    is wrong there, or empty. The message names both and says what to change."""

    def __init__(self, message: str, path: str = "#", keyword: str = "") -> None:
        super().__init__(message, path, keyword)
        self.message = message
        self.path = path
        self.keyword = keyword

    def __str__(self) -> str:
        place = f"{self.path}/{self.keyword}" if self.keyword else self.path
        return f"{place}: {self.message}"
