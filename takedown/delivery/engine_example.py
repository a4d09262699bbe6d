"""An engine in one file: it takes Orbweaver's events by webhook and keeps the newest of each source and case.

    ENGINE_SECRETS=whsec_... python engine_example.py 127.0.0.1:8080 engine.sqlite

It needs Python and the package `standardwebhooks`, and nothing of Orbweaver. Copy it, and begin your work from the view
`open_cases`. ENGINE_SECRETS may have two secrets, with a blank between them, while one is being changed. ENGINE_ACKS is
where `orbweaver deliveries serve` listens, such as http://127.0.0.1:8766, and ENGINE_ACK_TOKEN its token: events are
acknowledged there when they are kept.
"""

import contextlib
import json
import os
import sqlite3
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

MOST_BYTES = 4 * 2**20
TABLES = """
CREATE TABLE IF NOT EXISTS events (event_id TEXT PRIMARY KEY, source TEXT, case_id TEXT, recorded_at TEXT,
                                   sequence INTEGER, type TEXT, state TEXT, event TEXT,
                                   is_acknowledged INTEGER DEFAULT 0);
CREATE VIEW IF NOT EXISTS newest AS
    SELECT *, MAX(COALESCE(recorded_at, '') || printf('%012d', sequence)) FROM events GROUP BY source, case_id;
CREATE VIEW IF NOT EXISTS open_cases AS SELECT DISTINCT case_id FROM newest WHERE state = 'open';
"""


class Receiver(BaseHTTPRequestHandler):
    """Answers 204 when an event is on disk, or was before; 4xx for what is none of Orbweaver's."""

    timeout = 30
    secrets: list[str]
    database: str

    def do_POST(self) -> None:
        """Take one event."""
        length = self.headers.get("Content-Length", "")
        if not (length.isdecimal() and len(length) < 9 and int(length) <= MOST_BYTES):
            return self.answer(413)
        body = self.rfile.read(int(length))
        if not any(is_signed(body, dict(self.headers), secret) for secret in self.secrets):
            return self.answer(401)
        event = json.loads(body)
        if (event["schema_version"] or "1.0").partition(".")[0] != "1":
            return self.answer(503)  # Orbweaver keeps it, and tries again until this engine knows the new schema
        keep(self.database, event)
        self.answer(204)
        return acknowledge(self.database)

    def answer(self, status: int) -> None:
        """Answer with a status alone."""
        self.send_response(status)
        self.end_headers()


def is_signed(body: bytes, headers: dict[str, str], secret: str) -> bool:
    """Whether a body is signed with a secret, within the last five minutes."""
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # the second: a signature, or a body, that cannot even be read
        return False
    return True


def keep(database: str, event: dict[str, Any]) -> None:
    """Write an event to disk; one that is there already changes nothing."""
    names = ("event_id", "source", "case_id", "recorded_at", "sequence", "type")
    row = (*(event[name] for name in names), event["case"]["state"], json.dumps(event))
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", row)


def acknowledge(database: str) -> None:
    """Tell Orbweaver of every event that is kept; when that fails, with the next event."""
    acks, headers = os.environ.get("ENGINE_ACKS"), {"Authorization": f"Bearer {os.environ.get('ENGINE_ACK_TOKEN', '')}"}
    with contextlib.closing(sqlite3.connect(database)) as connection:
        for (event_id,) in connection.execute("SELECT event_id FROM events WHERE NOT is_acknowledged").fetchall():
            if acks is None:
                return
            try:
                url = f"{acks}/v1/events/{event_id}/ack"
                urllib.request.urlopen(urllib.request.Request(url, b"", headers), timeout=10).close()
            except OSError as error:
                if getattr(error, "code", None) != 404:  # a store of before a backup does not know the event
                    return
            with connection:
                connection.execute("UPDATE events SET is_acknowledged = 1 WHERE event_id = ?", (event_id,))


def serve(listen: str, database: str, secrets: list[str]) -> None:
    """Listen on HOST:PORT until told to stop; port 0 is any that is free. Says where it listens."""
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.executescript(TABLES)
    host, _, port = listen.rpartition(":")
    receiver = type("Receiver", (Receiver,), {"secrets": secrets, "database": database})
    with ThreadingHTTPServer((host, int(port)), receiver) as server:
        print(f"listening on http://{host}:{server.server_port}/", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    if len(sys.argv) != 3 or not os.environ.get("ENGINE_SECRETS"):
        sys.exit("usage: ENGINE_SECRETS=whsec_... python engine.py HOST:PORT DATABASE")
    serve(sys.argv[1], sys.argv[2], os.environ["ENGINE_SECRETS"].split())
