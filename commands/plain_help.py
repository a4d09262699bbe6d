"""Help for people: no Python types in it, whatever the command-line library makes of an annotation."""

from __future__ import annotations

from typing import Any

import typer

_IN_WORDS = {"str": "TEXT", "path": "FILE", "int": "NUMBER", "int range": "NUMBER", "float range": "NUMBER"}


def command_of(app: typer.Typer) -> Any:
    """Return the command of an app, with values in the help as words; a command line library has no type for it."""
    command = typer.main.get_command(app)
    _explain(command)
    return command


def _explain(command: Any) -> None:
    before = command.get_params

    def get_params(context: Any) -> list[Any]:
        found: list[Any] = before(context)  # --help among them, which is no parameter before it is asked for
        for parameter in found:
            if "display_type" not in vars(parameter):
                parameter.display_type = _display_of(parameter)
        return found

    command.get_params = get_params
    for inner in getattr(command, "commands", {}).values():
        _explain(inner)


def _display_of(parameter: Any) -> Any:
    before = parameter.display_type

    def display(ctx: Any) -> str | None:
        if parameter.param_type_name == "argument" or getattr(parameter, "is_flag", False):
            return None
        said = before(ctx)
        if said is None or "|" in said:  # a choice says its values
            return None if said is None else str(said)
        return _IN_WORDS.get(str(said).strip("<>"), "TEXT" if str(said).startswith("<") else str(said))

    return display
