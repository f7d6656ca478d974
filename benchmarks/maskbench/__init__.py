"""How right the grammar compiler is on real JSON Schemas that come with valid and invalid instances.

The schemas lie beside the checkout, or where ``FORII_MASKBENCH`` says.
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLE = Path(os.environ.get("FORII_MASKBENCH", ROOT.parent / "shared/data/maskbench-sample"))
