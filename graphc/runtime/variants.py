"""Programs that differ in numbers only share machine code, which then finds the numbers in memory.

Whoever tries out a parameter compiles one function again and again. The first of several programs of one form
gets code with the numbers in it, as a program alone does; from the second on all get the same code.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

from graphc.runtime.cache import Entry

KEPT: Final = 256  # forms that are remembered, the most recently used ones
KEPT_BYTES: Final = 32 << 20  # of their code


class Variants:
    """The forms of the programs compiled in this process, and the code that suits all of a form."""

    def __init__(self) -> None:
        self._forms: OrderedDict[str, Entry | None] = OrderedDict()
        self._lock = threading.Lock()  # programs are compiled in several threads at once

    def met(self, form: str) -> bool:
        """Whether there was a program of this form before; from now on there was."""
        with self._lock:
            known = form in self._forms
            self._keep(form, self._forms.get(form))
            return known

    def get(self, form: str) -> Entry | None:
        """The code for all programs of this form, if there is one."""
        with self._lock:
            return self._forms.get(form)

    def keep(self, form: str, entry: Entry | None) -> None:
        """Remembers a form and its code."""
        with self._lock:
            self._keep(form, entry)

    def _keep(self, form: str, entry: Entry | None) -> None:
        self._forms.pop(form, None)
        self._forms[form] = entry
        while len(self._forms) > KEPT or self._size() > KEPT_BYTES:
            self._forms.popitem(last=False)

    def _size(self) -> int:
        return sum(len(entry.code) for entry in self._forms.values() if entry is not None)
