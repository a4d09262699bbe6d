"""The root is the package: what is installed, what the standard library keeps, and what the command says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
# As the workers are started, and most commands of the tests: see tests/preloaded.py.
ORBWEAVER = (sys.executable, "-P", "-m", "orbweaver.cli")
PACKAGES = ("commands", "console", "crawler", "matcher_client", "model", "queue", "store", "takedown")
# The version from which setuptools reads our licence line, see pyproject.toml.
OLDEST_SETUPTOOLS = 77
NOT_SOURCE = (".*", "__pycache__", "build", "dist", "*.egg-info", "tests", "bench", "docs")

QUEUE_IS_PYTHONS = (
    "import queue, sysconfig\n"
    "assert queue.__file__.startswith(sysconfig.get_paths()['stdlib']), queue\n"
    "assert queue.SimpleQueue, queue\n"
    "import orbweaver.queue.jobs\n"
    "assert orbweaver.queue.__file__ is None, orbweaver.queue\n"
)


def run(*command: str | Path, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**environment, "COLUMNS": "200", "NO_COLOR": "1", **variables},
        capture_output=True,
        text=True,
        timeout=600,
    )


# --- the standard library's queue ---


def test_queue_is_the_standard_librarys_in_the_repository_root() -> None:
    done = run(sys.executable, "-c", QUEUE_IS_PYTHONS)

    assert done.returncode == 0, done.stderr


def test_queue_is_the_standard_librarys_for_a_module_run_in_the_repository_root() -> None:
    done = run(sys.executable, "-m", "orbweaver.cli", "--version")

    assert done.returncode == 0, done.stderr


def test_queue_is_the_standard_librarys_under_pytest_in_the_repository_root() -> None:
    assert str(ROOT) in {os.path.abspath(place) for place in sys.path}

    found = PathFinder.find_spec("queue")  # as if nobody had imported it yet

    assert found is not None
    assert str(found.origin).startswith(sysconfig.get_paths()["stdlib"])


# --- the wheel ---


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the sources: building in place would leave build/ behind, and take old files from it."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "source", ignore=shutil.ignore_patterns(*NOT_SOURCE))
    major = int(metadata.version("setuptools").partition(".")[0]) if has_setuptools() else 0
    options = ["--no-build-isolation"] if major >= OLDEST_SETUPTOOLS else []
    done = run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"),
        *(*options, "--wheel-dir", folder / "out", folder / "source"),
        HOME=str(folder),  # pip asks rustc for its version, and rustup's makes a folder there
    )
    assert done.returncode == 0, done.stderr
    (built,) = (folder / "out").glob("*.whl")
    return built


def has_setuptools() -> bool:
    """Since Python 3.12 a new environment has none; pip then builds in one of its own."""
    return any(metadata.distributions(name="setuptools"))


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_has_every_module_of_every_package_and_no_other(wheel: Path) -> None:
    sources = [*ROOT.glob("*.py"), *(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))]
    expected = {f"orbweaver/{path.relative_to(ROOT).as_posix()}" for path in sources}

    assert {name for name in names_in(wheel) if name.endswith(".py")} == expected


def test_the_wheel_has_what_is_not_python(wheel: Path) -> None:
    scripts = {
        f"orbweaver/{path.relative_to(ROOT).as_posix()}" for name in PACKAGES for path in (ROOT / name).rglob("*.lua")
    }

    tables = {
        f"orbweaver/crawler/rules/{name}.txt" for name in ("acting_links", "gate_words", "gone_words", "image_services")
    }
    languages = {f"orbweaver/takedown/exports/languages/{name}.txt" for name in ("en", "sv")}
    data = {"orbweaver/py.typed", "orbweaver/queue/README.md", *tables, *languages}
    assert names_in(wheel) >= {*data, *scripts}


def test_the_wheel_puts_nothing_but_orbweaver_at_top_level(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names_in(wheel)}

    assert tops == {"orbweaver", f"orbweaver-{metadata.version('orbweaver')}.dist-info"}


def test_the_wheel_has_no_init_file_in_queue(wheel: Path) -> None:
    assert "orbweaver/queue/__init__.py" not in names_in(wheel)


def test_the_wheel_works_where_it_is_unpacked(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    proof = QUEUE_IS_PYTHONS + f"assert orbweaver.queue.jobs.__file__.startswith({str(tmp_path)!r})\n"

    done = run(sys.executable, "-c", proof, cwd=tmp_path, PYTHONPATH=str(tmp_path))

    assert done.returncode == 0, done.stderr


# --- the command ---


def test_the_command_says_its_version() -> None:
    done = run(BIN / "orbweaver", "--version")

    assert done.returncode == 0
    assert done.stdout.strip() == metadata.version("orbweaver")


def test_the_help_names_every_command() -> None:
    done = run(BIN / "orbweaver", "--help")

    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("verify", "demo", "doctor", "worker", "hashlist", "scope"))


@pytest.mark.parametrize("arguments", [(), ("verify",)], ids=["orbweaver", "verify"])
def test_the_help_has_examples_and_exit_statuses(arguments: tuple[str, ...]) -> None:
    done = run(*ORBWEAVER, *arguments, "--help")

    assert done.returncode == 0, done.stderr
    assert "orbweaver verify reports.csv --hashes list.csv" in done.stdout
    assert "Exit status" in done.stdout


def test_help_does_not_wait_for_what_the_commands_need() -> None:
    done = run(
        sys.executable,
        "-X",
        "importtime",
        "-c",
        "import sys; from orbweaver import cli; sys.argv[1:] = ['--help']; cli.main()",
    )

    assert "Usage" in done.stdout
    needed = {"cdn_networks", "cli", "commands", "model", "setting_values", "settings"}
    assert set(re.findall(r"\borbweaver\.(\w+)", done.stderr)) == needed
    assert "scrapy" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [("verify",), ("verify", "missing.csv", "--hashes", "missing"), ("verify", "a", "--no-such-option"), ("nonsense",)],
)
def test_bad_usage_is_one_clear_message_and_status_two(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run(*ORBWEAVER, *arguments, cwd=tmp_path, STATE_DIR=str(tmp_path / "state"))

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr
    assert "Traceback" not in done.stderr
