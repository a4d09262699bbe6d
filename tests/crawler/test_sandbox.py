"""After the sandbox is entered, the kernel refuses what the design says; each test in a process of its own."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contained
import pytest
from contained import crawl, order, run
from orbweaver.crawler import sandbox
from orbweaver.crawler.errors import SandboxUnavailable
from orbweaver.crawler.handler import HashingDownloadHandler
from scrapy import Request
from scrapy.http import Response
from synthetic_host import Resource, SyntheticHost

PR_GET_DUMPABLE = 3
PR_GET_NO_NEW_PRIVS = 39
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(5_000)
DENIED = {errno.EACCES, errno.EPERM}


def enter(*ports: int, is_on: bool = True) -> sandbox.Enforced:
    return sandbox.enter(tcp_ports=ports, memory_bytes=2**32, cpu_seconds=30, is_on=is_on)


# --- what is tried; each gets a folder with `file` in it, and a loopback port that is not allowed ---


def create(folder: Path, _: int) -> None:
    os.close(os.open(folder / "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def write(folder: Path, _: int) -> None:
    os.close(os.open(folder / "file", os.O_WRONLY))


def append(folder: Path, _: int) -> None:
    os.close(os.open(folder / "file", os.O_WRONLY | os.O_APPEND))


def truncate(folder: Path, _: int) -> None:
    os.truncate(folder / "file", 0)


def unlink(folder: Path, _: int) -> None:
    os.unlink(folder / "file")


def make_folder(folder: Path, _: int) -> None:
    os.mkdir(folder / "new")


def rename(folder: Path, _: int) -> None:
    os.rename(folder / "file", folder / "new")


def make_symlink(folder: Path, _: int) -> None:
    os.symlink("file", folder / "new")


def make_link(folder: Path, _: int) -> None:
    os.link(folder / "file", folder / "new")


def make_fifo(folder: Path, _: int) -> None:
    os.mkfifo(folder / "new")


def create_in_shared_memory(_: Path, __: int) -> None:
    os.close(os.open(f"/dev/shm/orbweaver-{os.getpid()}", os.O_RDWR | os.O_CREAT | os.O_EXCL))


def execute(_: Path, __: int) -> None:
    os.execv("/bin/true", ["true"])


def execute_python(_: Path, __: int) -> None:
    subprocess.run([sys.executable, "-c", ""], check=True)


def bind(_: Path, __: int) -> None:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()


def connect_elsewhere(_: Path, port: int) -> None:
    socket.create_connection(("127.0.0.1", port), timeout=5).close()


def read_in_the_folder(folder: Path, _: int) -> None:
    (folder / "file").read_bytes()


def list_the_folder(folder: Path, _: int) -> None:
    os.listdir(folder)


def read_the_users(_: Path, __: int) -> None:
    Path("/etc/passwd").read_bytes()


def read_the_environment(_: Path, __: int) -> None:
    Path("/proc/self/environ").read_bytes()


REFUSED = [
    create,
    write,
    append,
    truncate,
    unlink,
    make_folder,
    rename,
    make_symlink,
    make_link,
    make_fifo,
    create_in_shared_memory,
    execute,
    execute_python,
    bind,
    connect_elsewhere,
    read_in_the_folder,
    list_the_folder,
    read_the_users,
    read_the_environment,
]


def try_inside(attempts: list[str], folder: str, allowed: int, other: int) -> dict[str, int | None]:
    enter(allowed)
    errors: dict[str, int | None] = {}
    for name in attempts:
        try:
            globals()[name](Path(folder), other)
        except OSError as error:
            errors[name] = error.errno
        else:
            errors[name] = None
    return errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ordinary")
    (path / "file").write_bytes(b"ordinary")
    return path


@pytest.fixture(scope="module")
def attempted(folder: Path) -> dict[str, int | None]:
    with SyntheticHost({}) as allowed, SyntheticHost({}) as other:
        errors = run(try_inside, [one.__name__ for one in REFUSED], str(folder), allowed.port, other.port)
        assert other.connections_seen == 0
    return errors


@pytest.mark.parametrize("attempt", REFUSED, ids=lambda attempt: attempt.__name__)
def test_the_kernel_refuses(attempt: Callable[[Path, int], None], attempted: dict[str, int | None]) -> None:
    assert attempted[attempt.__name__] in DENIED


def test_nothing_is_left_of_the_attempts(attempted: dict[str, int | None], folder: Path) -> None:
    assert len(attempted) == len(REFUSED)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"file": b"ordinary"}


@pytest.mark.parametrize(
    "attempt", [create_in_shared_memory, execute_python, bind], ids=lambda attempt: attempt.__name__
)
def test_the_same_succeeds_outside(attempt: Callable[[Path, int], None], folder: Path) -> None:
    attempt(folder, 0)
    Path(f"/dev/shm/orbweaver-{os.getpid()}").unlink(missing_ok=True)


def connect_and_resolve(port: int) -> tuple[str, set[str]]:
    enter(port)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        peer = connection.getpeername()[0]
    return peer, {str(found[4][0]) for found in socket.getaddrinfo("localhost", 80)}


def test_an_allowed_port_and_the_resolver_work() -> None:
    with SyntheticHost({}) as host:
        peer, addresses = run(connect_and_resolve, host.port)
    assert peer == "127.0.0.1"
    assert addresses & {"127.0.0.1", "::1"}


def enter_with_a_thread() -> bool:
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    try:
        enter(80)
    finally:
        done.set()
        thread.join()
    return True


def test_a_process_with_a_second_thread_is_not_contained() -> None:
    with pytest.raises(SandboxUnavailable, match="before threads start; 2 run"):
        run(enter_with_a_thread)


def enter_twice() -> tuple[sandbox.Enforced, sandbox.Enforced, bool]:
    before = sandbox.is_entered()
    first = enter(443, 80, 80)
    second = enter(1, 2, 3, is_on=False)
    return first, second, before


def test_a_second_enter_changes_nothing() -> None:
    first, second, was_entered_before = run(enter_twice)
    assert not was_entered_before
    assert first == second
    assert (first.is_on, first.tcp_ports) == (True, (80, 443))
    assert first.landlock_abi >= sandbox.OLDEST_ABI
    assert first.as_record()["tcp_ports"] == (80, 443)


def limits_inside(is_on: bool) -> dict[str, Any]:
    enforced = enter(80, is_on=is_on)
    libc = ctypes.CDLL(None)
    return {
        "is_on": enforced.is_on,
        "is_entered": sandbox.is_entered(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "memory": resource.getrlimit(resource.RLIMIT_AS),
        "cpu": resource.getrlimit(resource.RLIMIT_CPU)[1],
        "dumpable": libc.prctl(PR_GET_DUMPABLE, 0, 0, 0, 0),
        "no_new_privs": libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0),
        "key_log": os.environ.get("SSLKEYLOGFILE"),
    }


def test_memory_cpu_and_core_dumps_are_limited_for_good() -> None:
    inside = run(limits_inside, True, environment={"SSLKEYLOGFILE": "/tmp/keys"})
    assert inside["is_on"] is True
    assert inside["core"] == (0, 0)
    assert inside["memory"] == (2**32, 2**32)
    assert 30 <= inside["cpu"] <= 40
    assert inside["dumpable"] == 0
    assert inside["no_new_privs"] == 1
    assert inside["key_log"] is None


def test_off_is_recorded_as_off_and_keeps_the_resource_limits() -> None:
    inside = run(limits_inside, False)
    assert (inside["is_on"], inside["is_entered"]) == (False, True)
    assert inside["core"] == (0, 0)
    assert inside["dumpable"] == 0


# --- the promise itself: a handler that would write what it downloads ---


class WritingHandler(HashingDownloadHandler):
    """Writes each file that it downloads into the folder named in the environment."""

    async def download_request(self, request: Request) -> Response:
        response = await super().download_request(request)
        place = Path(os.environ["WRITE_TO"]) / f"{abs(hash(request.url))}.bin"
        place.write_bytes(response.body or b"a body")
        return response


def crawl_writing(one: contained.Order) -> contained.Crawled:
    return contained.crawl_here(
        contained.Order(one.reports, settings=one.settings, handler=__name__ + ".WritingHandler")
    )


def test_a_handler_that_writes_what_it_downloads_is_stopped_by_the_kernel(tmp_path: Path) -> None:
    pages = {"/": Resource("text/html", b"<img src=a.png>"), "/a.png": Resource("image/png", PNG)}
    with SyntheticHost(pages) as host:
        one = order(host.url, host.url + "a.png")
        stopped = run(crawl_writing, one, environment={"WRITE_TO": str(tmp_path)})
        assert list(tmp_path.iterdir()) == []
        assert stopped.sightings == []
        assert set(stopped.outcomes) == {host.url, host.url + "a.png"}
        assert all("not permitted" in skip.reason and skip.is_failure for skip in stopped.skips)
        assert stopped.tally.failures == 2
        assert stopped.tally.bytes_kept == 0
        # The same handler does write where the operator has switched the sandbox off.
        off = order(host.url, host.url + "a.png", sandbox="off")
        assert run(crawl_writing, off, environment={"WRITE_TO": str(tmp_path)}).urls == [host.url + "a.png"]
        assert len(list(tmp_path.iterdir())) == 2


def test_an_ordinary_recrawl_writes_nothing_anywhere(tmp_path: Path) -> None:
    with SyntheticHost({"/a.png": Resource("image/png", PNG)}) as host:
        found = crawl(
            host.url + "a.png",
            environment={"TMPDIR": str(tmp_path), "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)},
        )
    assert found.urls == [host.url + "a.png"]
    assert list(tmp_path.iterdir()) == []
