"""The log of workers, kept from them: they write into a pipe, and only this process holds the file.

So a crawl process has no descriptor of a file that it could write to, overwrite or shorten.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType

# A run writes no more than this, and the file of earlier runs is put aside when it has grown larger: whoever took
# over a crawl process must not fill the disk.
MOST_BYTES = 10_000_000
PIECE_BYTES = 65_536
CUT = b"\n... the rest of this run's log is not kept\n"
# Every writer is dead by then, or about to be: what is still on its way is a line or two.
LAST_LINES_SECONDS = 5


class WorkerLog:
    """Appends what is written to `writer` (a descriptor for children) to a file; a context manager.

    What does not fit, or cannot be written, is read all the same: nobody waits for the log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> WorkerLog:
        with contextlib.suppress(FileNotFoundError):  # the first run
            if self._path.stat().st_size > MOST_BYTES:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
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
        left = MOST_BYTES
        with open(reader, "rb", buffering=0) as lines, self._path.open("ab", buffering=0) as file:
            while piece := lines.read(PIECE_BYTES):
                if left:
                    with contextlib.suppress(OSError):  # a full disk: there is nowhere to say so
                        file.write(piece if left > len(piece) else piece[:left] + CUT)
                    left -= min(left, len(piece))
