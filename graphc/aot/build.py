"""What `export` makes: the files of a library, written as wholes, and their sizes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from graphc.dataclass import dataclass


@dataclass(frozen=True)
class Build:
    """The files of an exported library. Prints as a table; `notes` say what could not be made here."""

    name: str
    folder: Path
    files: tuple[Path, ...]
    notes: tuple[str, ...] = ()

    def __getitem__(self, suffix: str) -> Path:
        """The file with this suffix, such as ".so"."""
        found = [file for file in self.files if file.suffix == suffix]
        if not found:
            made = ", ".join(file.suffix for file in self.files)
            raise KeyError(f"{self.name} has no {suffix} file; it has {made}")
        return found[0]

    def __str__(self) -> str:
        width = max(len(str(file)) for file in self.files)
        lines = [f"{file!s:{width}}  {file.stat().st_size:>12,} bytes" for file in self.files]
        return "\n".join([*lines, *self.notes])


def write_files(folder: Path, contents: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Writes files into a folder, each under its name only when it is complete."""
    written = []
    for name, data in contents.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(temporary).chmod(0o755 if name.endswith(".so") else 0o644)
            Path(temporary).replace(target)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        written.append(target)
    return tuple(written)
