"""The Python interpreter, set up so that nobody's tokens wait for somebody else's long prompt.

What would hold up the event loop for more than the 5 ms that are allowed: another thread's Python code, which
gives the lock up only every 5 ms; and a full garbage collection, which looks at every object of the libraries and
models (100 ms), and which a request of some thousand messages sets off.
"""

from __future__ import annotations

import gc
import sys

_SWITCH_SECONDS = 0.0005
# So many new containers before a collection, and 50 and 5,000 times as many before one of the older ones: next to
# nothing here is garbage that only a collection frees.
_THRESHOLDS = (10_000, 50, 100)


def calm() -> None:
    """For the whole process; call it once what stays is loaded."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
