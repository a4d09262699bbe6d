"""Two real servers, a primary and its replica, and a real sentinel, which promotes the replica in the other's place."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from loopback_ports import free_port
from orbweaver.store import embedded
from orbweaver_command import eventually
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

NAME = "orbweaver"
HERE = "127.0.0.1"
# No pause of a busy machine is a dead primary; `kill_primary` then shortens it.
UNTIL_DEAD_MILLISECONDS = 600_000


class Server:
    """A server process, or a sentinel, on a port of its own."""

    def __init__(
        self, folder: Path, *options: str, password: str = "", is_sentinel: bool = False, on_a_disk_of: str = ""
    ) -> None:
        """Start it in `folder`; with `on_a_disk_of` a size, on a disk of its own of that size, at `disk`."""
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        given = {"port": str(self.port), "bind": HERE, "dir": str(self.folder)}
        if not is_sentinel:
            given |= {"save": '""', "appendonly": "yes", "repl-diskless-sync-delay": "0", "enable-debug-command": "yes"}
        lines = [f"{name} {value}" for name, value in given.items()]
        file = folder / f"{self.port}.conf"  # not in its own folder, which may be another disk
        file.write_text("".join(f"{line}\n" for line in (*lines, *options)))
        self._command = [embedded.find_server(), str(file), *(["--sentinel"] if is_sentinel else [])]
        if on_a_disk_of:
            mount = f'mount -t tmpfs -o size={on_a_disk_of} tmpfs {self.folder} && exec "$@"'
            self._command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh", *self._command]
        self._start()
        self.client = Redis(
            HERE, self.port, password=password or None, decode_responses=True, retry=Retry(NoBackoff(), retries=0)
        )
        eventually(self._answers)

    @property
    def disk(self) -> Path:
        """The folder of the server, as the server sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.folder}")

    def _start(self) -> None:
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def start_again(self) -> None:
        """Start the process that was killed, with what it has on its disk."""
        self._start()
        eventually(self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None
        with contextlib.suppress(RedisError):
            return bool(self.client.ping())
        return False

    def kill(self) -> None:
        """End the process as a power cut does."""
        self.client.close()
        self.process.kill()
        self.process.wait()


class Replicated:
    """A primary, its replica (or more, which are never promoted) and a sentinel of theirs; quorum 1."""

    def __init__(
        self, folder: Path, *options: str, others: int = 0, password: str = "", sentinel_password: str = ""
    ) -> None:
        auth = [f"requirepass {password}", f"masterauth {password}"] if password else []
        self._stack = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            self.primary = self._started(stack, Server(folder, *auth, *options, password=password))
            follow = f"replicaof {HERE} {self.primary.port}"
            self.replica = self._started(stack, Server(folder, *auth, *options, follow, password=password))
            for _ in range(others):
                self._started(stack, Server(folder, *auth, *options, follow, "replica-priority 0", password=password))
            eventually(lambda: self.primary.client.info("replication")["connected_slaves"] == 1 + others)
            eventually(lambda: self.replica.client.info("replication")["master_link_status"] == "up")
            self.sentinel = self._started(
                stack,
                Server(
                    folder,
                    *([f"requirepass {sentinel_password}"] if sentinel_password else []),
                    f"sentinel monitor {NAME} {HERE} {self.primary.port} 1",
                    *([f"sentinel auth-pass {NAME} {password}"] if password else []),
                    f"sentinel down-after-milliseconds {NAME} {UNTIL_DEAD_MILLISECONDS}",
                    password=sentinel_password,
                    is_sentinel=True,
                ),
            )
            eventually(lambda: int(self._state()["num-slaves"]) == 1 + others)
            self._stack = stack.pop_all()

    @staticmethod
    def _started(stack: contextlib.ExitStack, server: Server) -> Server:
        stack.callback(server.kill)
        return server

    def _state(self) -> dict[str, object]:
        states = self.sentinel.client.sentinel_masters()
        assert isinstance(states, dict)
        return states[NAME]

    def url(self, credentials: str = "", query: str = "") -> str:
        """Return the STORE_URL."""
        return f"sentinel://{credentials}{HERE}:{self.sentinel.port}/{NAME}{query}"

    def kill_primary(self) -> None:
        """Kill the primary, and have the sentinel notice it at once; the replica is promoted some time after that."""
        self.primary.kill()
        self.sentinel.client.execute_command("SENTINEL", "SET", NAME, "down-after-milliseconds", 200)

    def began_a_fail_over(self) -> bool:
        """Ask for a planned fail-over; False while the sentinel has not heard of the replica lately."""
        try:
            self.sentinel.client.execute_command("SENTINEL", "FAILOVER", NAME)
        except ResponseError as error:
            if "NOGOODSLAVE" not in str(error):
                raise
            return False
        return True

    def is_promoted(self) -> bool:
        """Whether the sentinel names the former replica as the primary."""
        return self._state()["port"] == self.replica.port

    def close(self) -> None:
        """End all of them."""
        self._stack.close()


@contextlib.contextmanager
def replicated(folder: Path, *options: str, **more: Any) -> Iterator[Replicated]:
    """Yield running servers, with their files in a folder."""
    servers = Replicated(folder, *options, **more)
    try:
        yield servers
    finally:
        servers.close()
