"""Makes help for people: it shows no Python types in the place of values."""

from __future__ import annotations

from typing import Any

import typer

_IN_WORDS = {"str": "TEXT", "path": "FILE", "int": "NUMBER", "int range": "NUMBER", "float range": "NUMBER"}


def command_of(app: typer.Typer) -> Any:
    """Return the command of an app, whose help shows values as words; typer has no type for the result."""
    command = typer.main.get_command(app)
    explain(command)
    return command


def explain(command: Any) -> None:
    """Have the help of a command, and of those of a group that are built already, show values as words."""
    before = command.get_params

    def get_params(context: Any) -> list[Any]:
        parameters: list[Any] = before(context)  # --help is among them only in this call
        for parameter in parameters:
            if "display_type" not in vars(parameter):
                parameter.display_type = _display_of(parameter)
        return parameters

    command.get_params = get_params
    inner = getattr(command, "commands", {})
    for one in inner.values() if isinstance(inner, dict) else ():
        explain(one)


def _display_of(parameter: Any) -> Any:
    before = parameter.display_type

    def display(ctx: Any) -> str | None:
        if parameter.param_type_name == "argument" or getattr(parameter, "is_flag", False):
            return None
        shown = before(ctx)
        if shown is None or "|" in shown:  # a choice shows its values
            return None if shown is None else str(shown).replace("<list[", "<").replace("]>", ">")
        return _IN_WORDS.get(str(shown).strip("<>"), "TEXT" if str(shown).startswith("<") else str(shown))

    return display
