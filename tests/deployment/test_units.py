"""The unit files: systemd takes them, they name commands that exist, and their limits do not break our own sandbox."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import unit_files
from builders import an_order
from orbweaver.commands import exit_status
from orbweaver.crawler.containment import sandbox
from orbweaver.queue import queues
from orbweaver.queue.queues import QueueName
from orbweaver.queue.records import recrawls, runs
from orbweaver.queue.records.recrawls import RecrawlState
from orbweaver.queue.runs import run_lock, service
from orbweaver.store import embedded, keys
from orbweaver.store.connection import Store
from orbweaver_command import PATIENCE_SECONDS, Workplace, eventually
from synthetic_host import SyntheticHost
from tls_host import make_certificate

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "deployment.md").read_text()
WORKERS = tuple(f"orbweaver-worker@{queue}.service" for queue in QueueName)
SERVICES = (
    "orbweaver.service",
    "orbweaver-scheduler.service",
    *WORKERS,
    "orbweaver-matcher.service",
    "orbweaver-console.service",
)
BACKUP = "orbweaver-backup.service"
UNITS = (*SERVICES, BACKUP)
HARDENING = re.compile(
    r"(NoNewPrivileges|CapabilityBoundingSet|AmbientCapabilities|Protect\w+|Private\w+|Restrict\w+|RemoveIPC|"
    r"LockPersonality|SystemCall\w+|IPAddress\w+|InaccessiblePaths|ReadOnlyPaths|Limit\w+|Memory\w+|TasksMax|UMask|OOMPolicy)"
)
# What `systemd-analyze security` may say at most, of 100; what it counts and why the rest stays: docs/deployment.md.
WORST_EXPOSURE = 13
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(ANALYZE is None, reason="systemd-analyze is not installed here")
PROGRAM = "/opt/orbweaver/bin/orbweaver"
KNOWN = b"a known file of the units' tests"


def analyzed(*arguments: str | Path, units: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ANALYZE or "", *map(str, arguments)],
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin", "SYSTEMD_COLORS": "0"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the units in which their program is one that exists."""
    folder = tmp_path_factory.mktemp("units")
    shutil.copytree(unit_files.FOLDER, folder, dirs_exist_ok=True)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace(PROGRAM, "/bin/true"))
    return folder


@needs_systemd
def test_systemd_takes_every_unit_without_a_word(units: Path) -> None:
    files = [units / name for name in (*UNITS, "orbweaver-backup.timer")]
    done = analyzed("verify", "--man=no", "--recursive-errors=no", *files, units=units)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs_systemd
def test_a_mistake_in_a_unit_is_noticed(units: Path, tmp_path: Path) -> None:
    text = (units / "orbweaver.service").read_text()
    (tmp_path / "orbweaver.service").write_text(text.replace("ProtectClock=yes", "ProtectClocks=yes"))
    done = analyzed("verify", "--man=no", tmp_path / "orbweaver.service", units=tmp_path)
    assert "ProtectClocks" in done.stderr


@needs_systemd
@pytest.mark.parametrize("name", UNITS)
def test_a_unit_leaves_its_processes_little_to_harm(name: str, units: Path) -> None:
    bound = ("--offline=true", f"--threshold={WORST_EXPOSURE}", "--no-pager")
    done = analyzed("security", *bound, units / name, units=units)
    assert done.returncode == 0, done.stdout


def test_every_option_of_the_units_is_explained_and_no_other() -> None:
    used = {key for name in UNITS for key in unit_files.read(name)["Service"] if HARDENING.fullmatch(key)}
    rows = re.findall(r"^\| ((?:`\w+=[^`]*`(?:, )?)+) \|", TEXT, flags=re.MULTILINE)
    explained = {key for row in rows for key in re.findall(r"`(\w+)=", row)}
    assert {key for key in explained if HARDENING.fullmatch(key)} == used


def test_every_unit_has_the_walls_of_all() -> None:
    walls = [
        {key: values for key, values in unit_files.read(name)["Service"].items() if HARDENING.fullmatch(key)}
        for name in UNITS
    ]
    own = re.compile("IPAddress.*|InaccessiblePaths|ReadOnlyPaths|Limit(NOFILE|FSIZE)|Memory.*|TasksMax|OOMPolicy")
    common = [{key: values for key, values in one.items() if not own.fullmatch(key)} for one in walls]
    assert all(one == common[0] for one in common)
    assert len(common[0]) > 20
    assert all(one["MemorySwapMax"] == ["0"] and one["LimitCORE"] == ["0"] for one in walls)
    assert all(one["IPAddressDeny"] for one in walls)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_comes_back_unless_it_is_stopped_or_cannot_work(name: str) -> None:
    said = unit_files.read(name)["Service"]
    assert said["Restart"] == ["always"]
    assert said["RestartPreventExitStatus"] == [str(exit_status.BAD_USAGE)]
    assert "RuntimeMaxSec" not in said
    assert int(said["TimeoutStopSec"][-1]) > service.STOP_SECONDS
    if name == "orbweaver.service":
        assert int(said["TimeoutStopSec"][-1]) > service.STOP_SECONDS + embedded.STOP_SECONDS - 1
    if name == "orbweaver.service" or "worker" in name:
        assert (said["KillMode"], said["OOMPolicy"]) == (["mixed"], ["continue"])


def test_the_recrawl_worker_writes_nothing_and_the_others_what_they_must() -> None:
    recrawl, match, takedown = (unit_files.read(name)["Service"] for name in WORKERS)
    assert "StateDirectory" not in recrawl
    assert (recrawl["LimitFSIZE"], recrawl["ReadOnlyPaths"]) == (["65536"], ["/"])
    assert "-/var/lib/orbweaver" in recrawl["InaccessiblePaths"][0].split()
    assert "-/var/lib/orbweaver" not in match["InaccessiblePaths"][0].split()
    assert (match["LimitFSIZE"], takedown["LimitFSIZE"]) == (["0"], ["infinity"])
    assert takedown["StateDirectory"] == ["orbweaver"]


# --- their commands ---


@pytest.fixture
def place(short_dir: Path) -> Workplace:
    found = Workplace(short_dir / "place")
    hashes = found.write("list.csv", hashlib.sha256(KNOWN).hexdigest())
    (found.folder / "var").mkdir()
    assert found.run("hashlist", "build", hashes, "-o", str(found.folder / "var" / "list.hashes")).status == 0
    return found


def replaced(place: Workplace) -> dict[str, str]:
    return {
        "/var/lib/orbweaver-backups": str(place.folder / "backups"),
        "/var/lib/orbweaver": str(place.folder / "var"),
    }


def arguments_of(name: str, place: Workplace, **specifiers: str) -> list[str]:
    """Return what a unit's command says to our program."""
    marks = {f"%{mark}": meaning for mark, meaning in specifiers.items()}
    program, *arguments = unit_files.command_of(name, replaced(place), marks)
    assert program == PROGRAM
    return arguments


def environment(place: Workplace, store: Store | None = None) -> dict[str, str]:
    """Return the settings of deployment/environment, as a service and a shell read them."""
    text = (ROOT / "deployment" / "environment").read_text()
    script = f"set -a\n{text}\nenv -0"
    shown = subprocess.run(["sh", "-c", script], env={}, capture_output=True, text=True, check=True).stdout
    settings = dict(line.split("=", 1) for line in shown.split("\0") if "=" in line)
    settings = {name: value for name, value in settings.items() if name not in {"PWD", "_", "SHLVL"}}
    for path, other in replaced(place).items():
        settings = {name: value.replace(path, other) for name, value in settings.items()}
    if store is not None:
        settings["STORE_URL"] = embedded.url_for(Path(store.connection_pool.connection_kwargs["path"]).parent)
    return settings


def stop(running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGTERM)
    said = running.communicate(timeout=PATIENCE_SECONDS)
    # Who has not begun yet dies of it. For systemd both is a clean end: systemd.service(5), SuccessExitStatus=.
    assert running.returncode in {0, -signal.SIGTERM}, said


@pytest.mark.parametrize("name", ["orbweaver-scheduler.service", *WORKERS])
def test_a_part_of_several_machines_starts_and_stops(name: str, place: Workplace, store: Store) -> None:
    instance = name.partition("@")[2].removesuffix(".service")
    running = place.start(*arguments_of(name, place, i=instance), **environment(place, store))
    try:
        begun = store.scard if instance else store.exists
        eventually(lambda: begun("rq:workers" if instance else keys.schedule()) or running.poll() is not None)
    finally:
        stop(running)


def test_the_matching_server_takes_its_secrets_from_systemd(place: Workplace) -> None:
    made = make_certificate("127.0.0.1")
    credentials = place.folder / "credentials"
    credentials.mkdir()
    names = [
        line.partition(":")[0] for line in unit_files.read("orbweaver-matcher.service")["Service"]["LoadCredential"]
    ]
    made.context(credentials)
    (both,) = credentials.iterdir()
    certificate, _, key = both.read_text().partition("-----BEGIN PRIVATE")
    contents = {"token": "secret", "certificate": certificate, "key": f"-----BEGIN PRIVATE{key}"}
    assert set(names) == set(contents)
    for name, text in contents.items():
        (credentials / name).write_text(text)
    both.unlink()
    arguments = arguments_of("orbweaver-matcher.service", place, d=str(credentials))
    arguments[arguments.index("--listen") + 1] = "127.0.0.1:0"
    running = place.start(*arguments)
    assert running.stdout is not None
    said = [running.stdout.readline() for _ in range(2)]
    stop(running)
    assert said[1].startswith("answers at https://127.0.0.1:"), said


def test_the_backup_takes_the_place_of_that_a_week_ago_and_leaves_a_store_that_others_use(place: Workplace) -> None:
    backups = place.folder / "backups"
    backups.mkdir()
    for day in range(1, 8):
        (backups / f"day-{day}").write_text("of last week")
    program = place.write("orbweaver", f'#!/bin/sh\nexec "{sys.executable}" -P -m orbweaver.cli "$@"\n')
    Path(program).chmod(0o755)
    command = unit_files.command_of(BACKUP, {PROGRAM: program, **replaced(place)}, {})
    with embedded.running(Path(environment(place)["STATE_DIR"])) as store:
        store.set(keys.store_id(), "an id")
        store.config_set("repl-diskless-sync-delay", 0)
        done = subprocess.run(command, env=place.environment(environment(place)), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert store.ping()
    (made,) = (path for path in backups.iterdir() if path.read_bytes() != b"of last week")
    assert len(list(backups.iterdir())) == 7
    restored = place.run("restore", str(made), "--state", str(place.folder / "tried"))
    assert restored.status == 0, restored.stderr
    assert unit_files.read("orbweaver-backup.timer")["Timer"]["Persistent"] == ["yes"]
    assert unit_files.read(BACKUP)["Service"]["KillMode"] == ["process"]


def test_the_service_of_one_machine_starts_and_stops(place: Workplace) -> None:
    running = place.start(*arguments_of("orbweaver.service", place), **environment(place))
    try:
        state = Path(environment(place)["STATE_DIR"])
        eventually(lambda: embedded.has_store(state) or running.poll() is not None)
        with embedded.running(state) as store:
            eventually(lambda: run_lock.service(store) or running.poll() is not None)
    finally:
        stop(running)
    assert place.processes() == []


# --- their limits ---


@needs_systemd
def test_a_recrawl_within_the_limits_of_its_unit_is_contained_and_finds_the_file(
    place: Workplace, store: Store
) -> None:
    """All that a process can set for itself: without `capset` in the filter, no crawl process begins."""
    name = WORKERS[0]
    unit = unit_files.read(name)["Service"]
    pages = {"/": ("text/html", b'<a href="/known.bin">a</a>'), "/known.bin": ("application/zip", KNOWN)}
    with SyntheticHost(pages) as host:
        runs.create(store, "run")
        order = an_order(host.host)
        scope = order.scope.model_copy(update={"ports": (int(host.host.partition(":")[2]),)})
        recrawl_id = recrawls.create(store, "run", order.model_copy(update={"scope": scope}))
        queues.enqueue_recrawl(store, host.host, recrawl_id, 600)
        command = [sys.executable, "-P", "-m", "orbweaver.cli", *arguments_of(name, place, i="recrawl"), "--burst"]
        ran = subprocess.run(
            [sys.executable, "-P", str(ROOT / "tests" / "as_a_unit.py"), json.dumps(unit), *command],
            env=place.environment(environment(place, store)),
            cwd="/",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert ran.returncode == 0, ran.stderr
        found = recrawls.read(store, recrawl_id)
        assert found is not None
        assert (found.state, found.tally.files) == (RecrawlState.FINISHED, 1), (found, ran.stderr)
        assert found.sandbox is not None
        assert found.sandbox["layers"] == list(sandbox.LAYERS)
