"""The commands of `orbweaver` by name, in the order of the help: each is imported and built when it is asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import typer
from orbweaver.commands import plain_help
from typer.core import TyperGroup

# The module of each command, or group of commands. To build them all takes longer than most commands do.
MODULES: Final[Mapping[str, str]] = {
    "verify": "runs.verify",
    "run": "fleet.run",
    "reports": "hosts.reports",
    "hosts": "hosts.hosts",
    "recrawl": "hosts.recrawl",
    "schedule": "hosts.schedule",
    "top": "fleet.top",
    "jobs": "fleet.jobs",
    "deliveries": "fleet.deliveries",
    "workers": "fleet.workers",
    "rematch": "runs.rematch",
    "cases": "cases.cases",
    "assessments": "cases.assessments",
    "stats": "cases.stats",
    "audit": "cases.audit",
    "retention": "cases.retention",
    "demo": "runs.demo",
    "console": "console",
    "users": "users",
    "doctor": "doctor",
    "worker": "fleet.worker",
    "scheduler": "fleet.scheduler",
    "hashlist": "lists.hashlist",
    "matcher": "lists.matcher",
    "engine": "fleet.engine",
    "scope": "hosts.scope",
    "backup": "backup",
    "restore": "backup",
}


class CommandTable(Mapping[str, Any]):
    """Builds a command when it is looked up for the first time; typer has no type for the result."""

    def __init__(self) -> None:
        self.built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.built:
            app = importlib.import_module(f"orbweaver.commands.{MODULES[name]}").app
            group: Any = typer.main.get_group(app)
            # A module has a command of its own name, or several that stand beside each other, or it is a group.
            command = group.commands.get(name, group)
            command.name = name
            plain_help.explain(command)
            self.built[name] = command
        return self.built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


class CommandGroup(TyperGroup):
    """The command `orbweaver` itself."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = CommandTable()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - as typer calls it
        """Return the names of the commands, without building any."""
        return list(MODULES)
