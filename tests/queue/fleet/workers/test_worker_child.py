"""Workers of a run end with it, at whatever moment it dies."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from builders import a_sighting, add_batch, build_list, url_of
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.store.connection import Store

PATIENCE_MILLISECONDS = 60_000


def a_dead_process() -> int:
    with subprocess.Popen(["true"]) as process:
        return process.pid


def has_ended(pid: int) -> bool:
    """Wait for the end of a process that is not our child; ends it when it does not end by itself."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = bool(poll.poll(PATIENCE_MILLISECONDS))
        if not ended:
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return ended
    finally:
        os.close(descriptor)


@pytest.mark.usefixtures("real_starts")
def test_a_worker_whose_run_is_dead_when_it_starts_takes_no_job(store: Store, tmp_path: Path) -> None:
    add_batch(store, a_sighting())
    matcher = build_list(tmp_path / "list.hashes", [a_sighting().digests.sha256])
    command = [
        sys.executable,
        "-P",
        "-m",
        "orbweaver.queue.fleet.workers.worker_child",
        str(a_dead_process()),
        "match",
        "--burst",
    ]
    done = subprocess.run(
        command, env={**os.environ, "STORE_URL": url_of(store), "MATCHER_URL": matcher}, capture_output=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert queues.waiting_jobs(store, QueueName.MATCH) == 1
    assert store.keys("orbweaver:case:*") == []


def test_the_workers_of_a_run_that_is_killed_right_after_the_fork_end(store: Store, tmp_path: Path) -> None:
    run = (
        "import os, signal, sys; from pathlib import Path; from orbweaver.store import connection;"
        "from orbweaver.queue.fleet.workers import worker_pool;"
        "store = connection.connect(sys.argv[1]);"
        "environment = os.environ | {'STORE_URL': sys.argv[1], 'MATCHER_URL': 'hashlist:/missing', "
        "'TAKEDOWN_SINKS': 'jsonl:' + sys.argv[2]};"
        "workers = worker_pool.WorkerProcesses(store, recrawls_at_once=1, environment=environment, "
        "log_file=Path(sys.argv[2], 'log'));"
        "workers.__enter__();"
        "children = Path(f'/proc/self/task/{os.getpid()}/children').read_text();"
        "os.write(1, children.encode());"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-P", "-c", run, url_of(store), str(tmp_path)], stdout=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in killed.stdout.split()]
    assert len(workers) == 3
    assert [has_ended(pid) for pid in workers] == [True] * 3
