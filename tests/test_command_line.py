"""The command for people: its help has no Python types, and Ctrl-C never shows where Python stood."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from orbweaver import cli
from orbweaver.commands.plain_help import command_of

ROOT: Any = command_of(cli.app)


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, (*path, name))


@pytest.mark.parametrize("path", list(every_command(ROOT)), ids=" ".join)
def test_no_help_shows_a_python_type(
    path: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    ROOT.main([*path, "--help"], standalone_mode=False)
    said = capsys.readouterr().out
    assert "Usage:" in said
    assert re.findall(r"<(?![\w|-]+\|)[^<>]*>|list\[|Path\b|\bbool\b|\bstr\b|\.\.\.\}|\}\.\.\.\.", said) == []


def test_a_command_is_built_when_it_is_called_and_no_other() -> None:
    root: Any = command_of(cli.app)
    assert list(root.commands)[:2] == ["verify", "run"]
    root.main(["schedule", "show", "--help"], standalone_mode=False)
    assert list(root.commands.built) == ["schedule"]
    assert root.commands["restore"].name == "restore"


@pytest.mark.parametrize(("typed", "said"), [("jbos", "Did you mean 'jobs'?"), ("x", "No such command 'x'")])
def test_a_mistyped_command_is_said(typed: str, said: str) -> None:
    with pytest.raises(Exception, match="No such command") as caught:
        ROOT.main([typed], standalone_mode=False)
    assert said in str(caught.value)


def test_state_is_the_state_directory_in_every_command() -> None:
    found = set()
    for path in every_command(ROOT):
        command = ROOT
        for name in path:
            command = command.commands[name]
        shown = [one for one in command.params if not getattr(one, "hidden", False)]
        assert not [one.name for one in shown if "--state-dir" in one.opts]
        found |= {(" ".join(path), one.metavar) for one in shown if "--state" in one.opts}
    stateful = (
        *("verify", "run", "rematch", "doctor", "cases list", "cases export", "matcher accept", "backup", "restore"),
        *("reports import", "recrawl", "schedule show", "schedule simulate", "top", "jobs", "jobs discard", "workers"),
        *(f"deliveries {name}" for name in ("list", "show", "retry", "acknowledge", "serve")),
        *(f"cases {name}" for name in ("show", "find", "release", "reject", "withdraw", "note")),
        *(f"assessments {name}" for name in ("list", "show", "revise", "export")),
        "stats",
        *(f"audit {name}" for name in ("verify", "checkpoint", "key", "export")),
        *("retention preview", "retention run", "console"),
        *(f"users {name}" for name in ("add", "passwd", "roles", "codes", "disable", "enable", "list")),
        *(f"users token {name}" for name in ("add", "list", "revoke")),
        *(f"hosts {name}" for name in ("list", "show", "add", "pause", "resume", "retire", "set")),
    )
    assert found == {(name, "DIR") for name in stateful}


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        ("verify - --hashes list.csv <&-", 2, "orbweaver: standard input: no reports in it"),
        ("verify - --hashes list.csv <&- >&- 2>&-", 2, ""),
    ],
)
def test_a_closed_stream_is_an_empty_one(tmp_path: Path, command: str, status: int, said: str) -> None:
    shell = ["/bin/sh", "-c", f'exec "$0" -P -m orbweaver.cli {command}', sys.executable]
    environment = {**os.environ, "STATE_DIR": str(tmp_path / "state")}
    ran = subprocess.run(shell, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path, check=False)
    assert (ran.returncode, ran.stderr.partition(";")[0].strip()) == (status, said)


# Sends SIGINT to itself when a module is about to be imported, which is when a person's Ctrl-C would find it there.
INTERRUPTED_AT = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
sys.argv[1:] = {arguments!r}
from orbweaver import cli
cli.main()
"""


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("typer", []),
        ("orbweaver.commands.runs.verify", ["verify"]),
        ("orbweaver.console.terminal.runs.verify", ["verify", "reports.csv", "--hashes", "list.csv"]),
        ("orbweaver.queue.queues", ["rematch", "--hashes", "list.csv"]),
        ("orbweaver.console.terminal.cases.case_list", ["cases", "list"]),
        ("orbweaver.console.terminal.doctor.examination", ["doctor"]),
        ("orbweaver.console.terminal.lists.info", ["hashlist", "info", "list.hashes"]),
    ],
)
def test_ctrl_c_while_a_command_starts_ends_with_130_and_no_traceback(module: str, arguments: list[str]) -> None:
    program = INTERRUPTED_AT.format(module=module, arguments=arguments)
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert "Traceback" not in done.stderr
