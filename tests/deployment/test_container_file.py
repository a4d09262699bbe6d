"""The container file: what it names exists, nothing is installed unpinned, and nothing runs as root."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer
from orbweaver.cli import app
from orbweaver.queue.runs import service
from orbweaver.settings import Settings
from orbweaver.store import embedded

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deployment" / "container" / "Containerfile"
COMMANDS = set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def values(word: str) -> list[str]:
    return [rest for name, rest in instructions() if name == word]


def test_it_copies_only_what_a_release_has() -> None:
    packed = (ROOT / ".ci" / "release").read_text()
    from_release = [rest.split()[0] for rest in values("COPY") if not rest.startswith("--from=")]
    assert from_release == ["requirements.lock", "orbweaver-*.whl"]
    assert "requirements.lock" in packed
    assert '"$wheel"' in packed
    assert "deployment" in packed


def test_every_dependency_is_installed_by_its_hash_and_the_wheel_from_the_release() -> None:
    installs = [rest for rest in values("RUN") if "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert "--no-deps --no-index" in installs[1]


def test_it_runs_as_a_user_of_its_own_with_no_shell_between() -> None:
    assert values("USER") == ["10001"]
    names = [name for name, _ in instructions()]
    assert names.index("USER") > max(place for place, name in enumerate(names) if name == "RUN")
    (entry,) = values("ENTRYPOINT")
    assert json.loads(entry) == ["/opt/orbweaver/bin/orbweaver"]


@pytest.mark.parametrize("word", ["CMD", "HEALTHCHECK"])
def test_a_command_that_it_names_is_one_of_ours(word: str) -> None:
    (line,) = values(word)
    words = json.loads(line[line.index("[") :])
    assert words[-1] in COMMANDS
    assert word == "CMD" or words[0] == "/opt/orbweaver/bin/orbweaver"


def test_its_settings_are_settings() -> None:
    (line,) = values("ENV")
    assert {pair.partition("=")[0].lower() for pair in line.split()} <= set(Settings.model_fields)


def test_the_time_for_a_stop_that_it_asks_for_is_enough() -> None:
    (seconds,) = set(re.findall(r"(?:--time|--timeout|within) (\d+)", re.sub(r"--timeout=\S+", "", FILE.read_text())))
    assert int(seconds) > service.STOP_SECONDS + embedded.STOP_SECONDS
