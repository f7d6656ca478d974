"""Who sent a request: a key of an account in, the plan that limits it out."""

from __future__ import annotations

from dataclasses import dataclass

from .plan import UNLIMITED, Plan


@dataclass(frozen=True, slots=True)
class Caller:
    """account, key: their ids. What limits there are are the plan's."""

    account: str
    key: str
    plan: Plan


# Whoever asks a server that listens on loopback only and has no key yet.
ANYBODY = Caller("local", "", UNLIMITED)
