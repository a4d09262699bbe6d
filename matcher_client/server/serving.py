"""The reference server: it answers from one built list, which it follows."""

from __future__ import annotations

from pathlib import Path

from orbweaver.matcher_client.server.app import create_app
from orbweaver.matcher_client.server.list_follower import ListFollower
from orbweaver.matcher_client.server.listening import ListeningServer

# A hotline has some dozen workers.
MOST_CONNECTIONS = 500
KEEP_ALIVE_SECONDS = 60


class BatchServer(ListeningServer):
    """A server of one hash list that already listens; raises HashListUnreadable and HashListDamaged, too."""

    def __init__(
        self, hashes: Path, *, listen: str, token: str | None, certificate: Path | None, key: Path | None
    ) -> None:
        self.follower = ListFollower(hashes)
        super().__init__(
            create_app(self.follower, token=token),
            listen=listen,
            needed_for_others=None if token else "give --token",
            certificate=certificate,
            key=key,
            most_connections=MOST_CONNECTIONS,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
        )
