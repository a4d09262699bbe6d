"""The log of workers, kept from them: they write into a pipe, and only this process holds the file.

So a work horse has no descriptor of a file that it could write to, overwrite or shorten.
"""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import TracebackType

# Every writer is dead by then, or about to be: what is still on its way is a line or two.
LAST_LINES_SECONDS = 5


class WorkerLog:
    """Appends what is written to `writer` (a descriptor for children) to a file; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> WorkerLog:
        reader, self.writer = os.pipe()
        self._thread = threading.Thread(target=self._copy, args=(reader,), name="worker log", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.writer)
        self._thread.join(LAST_LINES_SECONDS)

    def _copy(self, reader: int) -> None:
        with open(reader, "rb", buffering=0) as lines, self._path.open("ab", buffering=0) as file:
            shutil.copyfileobj(lines, file)
