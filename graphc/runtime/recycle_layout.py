"""Where the recycling allocator keeps its state: words, of which the last are the kept blocks."""

from __future__ import annotations

from typing import Final

KEPT: Final = 0  # bytes kept
LIMIT: Final = 1  # how many bytes may be kept
BLOCKS: Final = 2
SLOTS: Final = 8
