"""Runs one command and prints what it took as JSON: `python -I -S launch.py COMMAND...`.

A process starts with the peak memory of the one that forked it (Linux keeps it over exec), so what measures must be
smaller than whatever it measures: this imports next to nothing and runs in an interpreter of its own.
"""

import os
import sys
import time

KIB = 1024


def main() -> None:
    began = time.monotonic()
    pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)])
    _, status, used = os.wait4(pid, 0)
    seconds = time.monotonic() - began
    cpu = used.ru_utime + used.ru_stime
    print(
        f'{{"exit": {os.waitstatus_to_exitcode(status)}, "wall_seconds": {seconds:.4f}, '
        f'"cpu_seconds": {cpu:.4f}, "peak_bytes": {used.ru_maxrss * KIB}}}'
    )


if __name__ == "__main__":
    main()
