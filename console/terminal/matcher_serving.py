"""`orbweaver matcher serve`: prints the list and the URL of the server, then answers until it is stopped."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from orbweaver.matcher_client.server.serving import BatchServer
from orbweaver.matcher_client.transport.service_address import read_secret


def run(hashes: Path, *, listen: str, token: str | None, certificate: Path | None, key: Path | None) -> None:
    """Serve until SIGINT or SIGTERM; raises MatcherError, or OSError when the port is taken."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    secret = read_secret("--token", token)
    server = BatchServer(hashes, listen=listen, token=secret, certificate=certificate, key=key)
    hash_list = server.follower.current()
    print(f"{hashes}: {hash_list.entry_count:,} entries, list version {hash_list.list_version}")
    if not server.is_encrypted:
        print("not encrypted: put a TLS proxy in front, or give --certificate", file=sys.stderr)
    print(f"answers at {server.url}", flush=True)
    server.run()
