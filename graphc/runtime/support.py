"""Machine code that the runtime itself needs, compiled once per machine."""

from __future__ import annotations

from collections.abc import Callable

from graphc.backends.cpu.loaded import Loaded
from graphc.runtime.cache import Entry, cache_key, shared_cache


def support_code(name: str, text: Callable[[], str]) -> Loaded:
    """The code of the module that `text` writes; a cached one is the same, as keys cover graphc's source."""
    cache, key = shared_cache(), cache_key("support", name)
    entry = cache.get(key)
    if entry is None:
        from graphc.backends.cpu.jit import object_code

        entry = Entry(object_code(text()), {"name": name})
        cache.put(key, entry)
    return Loaded(entry.code)
