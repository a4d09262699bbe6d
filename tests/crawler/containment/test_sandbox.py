"""After the sandbox is entered, the kernel refuses what the design says; each test in a process of its own."""

from __future__ import annotations

import asyncio
import ctypes
import errno
import hashlib
import importlib
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import contained
import pytest
import uvloop
from contained import crawl, order, run
from import_graph import ROOT
from orbweaver.crawler.containment import sandbox, system_calls
from orbweaver.crawler.errors import SandboxUnavailable
from orbweaver.crawler.handler import HashingDownloadHandler
from scrapy import Request
from scrapy.http import Response
from seccompy import Action, Filter
from synthetic_host import Resource, SyntheticHost

PR_GET_DUMPABLE = 3
PR_GET_NO_NEW_PRIVS = 39
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(5_000)
DENIED = {errno.EACCES, errno.EPERM}


def enter(*ports: int, is_on: bool = True, memory_bytes: int = 2**32) -> sandbox.Enforced:
    return sandbox.enter(tcp_ports=ports, memory_bytes=memory_bytes, cpu_seconds=30, is_on=is_on)


def enter_without_seccomp(*ports: int) -> None:
    """Enter the other layers: the filter refuses some things before Landlock is asked."""
    system_calls.restrict = lambda: None
    sandbox._prove_that_calls_are_refused = lambda: None
    enter(*ports)


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
    socket.create_connection(("127.0.0.1", port), timeout=300).close()


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
    return try_each(attempts, folder, other, lambda: enter(allowed))


def try_without_seccomp(attempts: list[str], folder: str, allowed: int, other: int) -> dict[str, int | None]:
    return try_each(attempts, folder, other, lambda: enter_without_seccomp(allowed))


def try_each(attempts: list[str], folder: str, other: int, enter_it: Callable[[], object]) -> dict[str, int | None]:
    enter_it()
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


@pytest.fixture(scope="module", params=[try_inside, try_without_seccomp], ids=["sandbox", "without seccomp"])
def attempted(request: pytest.FixtureRequest, folder: Path) -> dict[str, int | None]:
    with SyntheticHost({}) as allowed, SyntheticHost({}) as other:
        errors: dict[str, int | None] = run(
            request.param, [one.__name__ for one in REFUSED], str(folder), allowed.port, other.port
        )
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
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
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


def reason_where_landlock_is_refused() -> str | None:
    others = Filter(default=Action.ALLOW)
    others.errno("landlock_create_ruleset", errno.EPERM)
    others.load()
    return sandbox.unavailable_reason()


def test_a_container_that_refuses_landlock_is_said_with_the_mend() -> None:
    said = run(reason_where_landlock_is_refused)
    assert said is not None
    assert said.startswith("Landlock is refused here (Operation not permitted): allow landlock_create_ruleset")


def test_a_second_enter_changes_nothing() -> None:
    first, second, was_entered_before = run(enter_twice)
    assert not was_entered_before
    assert first == second
    assert (first.is_on, first.tcp_ports) == (True, (80, 443))
    assert first.landlock_abi >= sandbox.OLDEST_ABI
    assert first.as_record()["tcp_ports"] == (80, 443)


# --- files that were open before ---


def write_to_what_is_open(folder: str, is_contained: bool) -> dict[str, int | None]:
    path = Path(folder) / "open"
    path.write_bytes(b"ordinary")
    held = {"append": os.open(path, os.O_WRONLY | os.O_APPEND), "overwrite": os.open(path, os.O_RDWR)}
    if is_contained:
        enter_without_seccomp(80)  # which would let write() through
    errors: dict[str, int | None] = {}
    for how, descriptor in held.items():
        try:
            os.write(descriptor, b"x")
        except OSError as error:
            errors[how] = error.errno
        else:
            errors[how] = None
    return errors


def test_files_that_were_open_before_take_no_more_writes(tmp_path: Path) -> None:
    assert run(write_to_what_is_open, str(tmp_path), True) == {"append": errno.EFBIG, "overwrite": errno.EFBIG}
    assert (tmp_path / "open").read_bytes() == b"ordinary"
    assert run(write_to_what_is_open, str(tmp_path), False) == {"append": None, "overwrite": None}


def log_to_a_file(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 2)
    enter(80)
    with pytest.raises(OSError, match="File too large"):
        os.write(2, b"a line\n")


def test_a_log_that_is_a_file_says_why_it_ends(tmp_path: Path) -> None:
    run(log_to_a_file, str(tmp_path / "log"))
    said = (tmp_path / "log").read_text()
    assert said == "orbweaver: the sandbox lets nothing more be written to this file; log through a pipe\n"


# --- what a crawl needs, and still has ---


def sizes_of_our_own(names: list[str]) -> dict[str, int]:
    # An installed package is readable with all of site-packages; in a checkout nothing else may lead to our files.
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() not in {ROOT, *ROOT.parents}]
    sandbox._names_to_read.cache_clear()
    enter(80)
    return {name: len((ROOT / name).read_bytes()) for name in names}


def test_our_own_modules_can_be_read_however_deep_they_lie() -> None:
    names = ["settings.py", "crawler/errors.py", "crawler/rules/acting_links.txt", "queue/jobs.py"]
    assert run(sizes_of_our_own, names) == {name: (ROOT / name).stat().st_size for name in names}


def what_links_lead_to(folder: Path) -> dict[str, bool]:
    """Prepare, let two links to what may be read lead elsewhere, and enter: what can be read then?"""
    sandbox.prepare()
    for name, target in (("file", folder / "new"), ("folder", Path("/"))):
        (folder / name).unlink()
        (folder / name).symlink_to(target)
    enter(80)
    read = (folder / "file", folder / "old", Path("/etc/passwd"))
    return {path.name: os.access(path, os.F_OK) and can_be_read(path) for path in read}


def can_be_read(path: Path) -> bool:
    try:
        return path.read_bytes() is not None
    except PermissionError:
        return False


def test_what_a_name_leads_to_when_the_sandbox_is_entered_can_be_read_but_never_everything(tmp_path: Path) -> None:
    """A resolver's file may be another one each day of a worker's life."""
    for name in ("old", "new"):
        (tmp_path / name).write_text(name)
    (tmp_path / "file").symlink_to(tmp_path / "old")
    (tmp_path / "folder").symlink_to(tmp_path / "certificates")
    (tmp_path / "certificates").mkdir()
    names = {"SSL_CERT_FILE": str(tmp_path / "file"), "SSL_CERT_DIR": str(tmp_path / "folder")}
    can_be = run(what_links_lead_to, tmp_path, environment=names)
    assert can_be == {"file": True, "old": False, "passwd": False}


async def use_everything(url: str, port: int) -> dict[str, object]:
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession() as session:

        async def fetch() -> int:
            async with session.get(url) as response:
                return len(await response.read())

        sizes = await asyncio.gather(*(fetch() for _ in range(20)))
    digests = await asyncio.gather(*(asyncio.to_thread(hashlib.sha256, b"x" * 100_000) for _ in range(20)))
    received = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, received.set)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(received.wait(), 300)
    addresses = await loop.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)
    return {
        "sizes": set(sizes),
        "digests": len({one.hexdigest() for one in digests}),
        "addresses": {found[4][0] for found in addresses},
        "authorities": len(ssl.create_default_context().get_ca_certs()),
        "late import": importlib.import_module("wave").__name__,
        "is a terminal": os.isatty(0),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
    }


def use_everything_with(loop: str, url: str, port: int) -> dict[str, object]:
    enter(port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        return runner.run(use_everything(url, port))


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_event_loops_threads_signals_names_and_certificates_work(loop: str) -> None:
    with SyntheticHost({"/": Resource("text/plain", b"x" * 100_000)}) as host:
        found = run(use_everything_with, loop, host.url, host.port)
    assert found["sizes"] == {100_000}
    assert found["digests"] == 1
    assert found["addresses"]
    assert found["late import"] == "wave"
    assert found["core"] == (0, 0)


def abort_inside() -> None:
    enter(80)
    os.abort()


def test_a_crash_inside_is_seen_outside() -> None:
    with pytest.raises(AssertionError, match=f"the child died with -{int(signal.SIGABRT)}"):
        run(abort_inside)


def ask_for_too_much_memory() -> tuple[bool, str, int]:
    enter(80, memory_bytes=2**30)
    try:
        bytearray(2**31)
    except MemoryError:
        is_refused = True
    else:
        is_refused = False
    thread = threading.Thread(target=hashlib.sha256, args=(b"x" * 10_000_000,))
    thread.start()
    thread.join()
    try:
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (PermissionError, ValueError) as error:
        said = str(error)
    return is_refused, said, len(bytearray(2**20))


def test_past_the_memory_limit_python_says_so_and_goes_on() -> None:
    is_refused, said, size = run(ask_for_too_much_memory)
    assert is_refused
    assert "limit" in said or "not permitted" in said
    assert size == 2**20


# --- the layers ---


def enter_unproved(layer: str) -> None:
    if layer == "seccomp":
        system_calls.restrict = lambda: None
    else:
        sandbox._restrict = lambda *_: None
    enter(80)


@pytest.mark.parametrize(
    ("layer", "said"), [("seccomp", "memfd_create still succeeds"), ("Landlock", "could still be created")]
)
def test_a_layer_that_does_not_hold_is_noticed(layer: str, said: str) -> None:
    with pytest.raises(SandboxUnavailable, match=said):
        run(enter_unproved, layer)


def limits_inside(is_on: bool) -> dict[str, Any]:
    enforced = enter(80, is_on=is_on)
    libc = ctypes.CDLL(None)
    return {
        "is_on": enforced.is_on,
        "is_entered": sandbox.is_entered(),
        "core": resource.getrlimit(resource.RLIMIT_CORE),
        "memory": resource.getrlimit(resource.RLIMIT_AS),
        "cpu": resource.getrlimit(resource.RLIMIT_CPU)[1],
        "file": resource.getrlimit(resource.RLIMIT_FSIZE)[1],
        "layers": enforced.layers,
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
    assert inside["file"] == 0
    assert inside["layers"] == sandbox.LAYERS
    assert inside["key_log"] is None


def test_off_is_recorded_as_off_and_keeps_the_resource_limits() -> None:
    inside = run(limits_inside, False)
    assert (inside["is_on"], inside["is_entered"]) == (False, True)
    assert inside["core"] == (0, 0)
    assert inside["dumpable"] == 0
    assert inside["file"] == resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    assert inside["layers"] == ("resource limits", "not dumpable")


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
