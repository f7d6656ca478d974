"""The plans of ``forii.toml`` by name."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from .plan import UNLIMITED, Plan

logger = logging.getLogger(__name__)

# Of accounts that were given no other; without limits where the settings do not say otherwise.
DEFAULT = "default"


class UnknownPlan(ValueError):
    """No plan has the name; the message says which ones there are."""


class Plans:
    """given: the settings' ``plans``."""

    def __init__(self, given: Mapping[str, Plan]) -> None:
        self._plans = {DEFAULT: UNLIMITED, **given}
        self._missed: set[str] = set()

    def check(self, name: str) -> str:
        """The name, which an account may be given. Raises UnknownPlan."""
        if name not in self._plans:
            raise UnknownPlan(f"there is no such plan; there are {', '.join(sorted(self._plans))}")
        return name

    def of(self, name: str) -> Plan:
        """The plan of an account. One that has left the settings is the default one, which is logged once."""
        if name not in self._plans and name not in self._missed:
            self._missed.add(name)
            logger.warning("the settings have no such plan; its accounts are on default", extra={"plan": name})
        return self._plans.get(name, self._plans[DEFAULT])
