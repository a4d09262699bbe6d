"""The engine of `orbweaver engine example` as a process, for tests that deliver to it."""

from __future__ import annotations

import contextlib
import http.client
import sqlite3
import subprocess
import sys
from pathlib import Path

from orbweaver.model import Event
from orbweaver.takedown.delivery import engine_example
from orbweaver.takedown.delivery.sinks.addresses import read_address
from orbweaver.takedown.delivery.sinks.webhook import WebhookSink

SECRET, NEXT, OTHER = (f"whsec_{letter * 43}" for letter in "ABC")


class ExampleEngine:
    """The example as a user would run it: a copy of the file, with nothing of Orbweaver in reach."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.database = folder / "engine.sqlite"
        program = folder / "engine.py"
        program.write_text(Path(engine_example.__file__).read_text())
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(program), "127.0.0.1:0", str(self.database)],
            env={"ENGINE_SECRETS": f"{NEXT} {SECRET}", **settings},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rstrip("/\n").rpartition(":")[2])

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def sink(self, *secrets: str) -> WebhookSink:
        return WebhookSink(read_address(f"webhook+http://127.0.0.1:{self.port}/"), lambda: secrets or (SECRET,))

    def deliver(self, *events: Event, secrets: tuple[str, ...] = ()) -> None:
        with contextlib.closing(self.sink(*secrets)) as sink:
            for event in events:
                sink.deliver(event)

    def post(self, body: bytes, headers: dict[str, str]) -> int:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port)) as connection:
            connection.request("POST", "/", body, headers)
            return connection.getresponse().status

    def rows(self, query: str) -> list[str]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            return [str(row[0]) for row in connection.execute(query)]
