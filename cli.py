"""The orbweaver command: puts all commands together, and turns errors into one line and an exit status."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated


def _open_closed_streams() -> None:
    """Open /dev/null in the place of a closed standard input, output or error, as some services and `>&-` close them.

    For Python a closed stream is None, and the next file or socket that is opened would get its number.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - it stays open


_open_closed_streams()


def _end_at_once(_number: int, _frame: object) -> None:
    os.write(2, b"orbweaver: interrupted\n")
    os._exit(130)  # commands.exit_status.INTERRUPTED


# The imports take up to a second on a slow machine, and Ctrl-C during them would show a traceback.
_before = signal.getsignal(signal.SIGINT)
if _before is signal.default_int_handler:
    signal.signal(signal.SIGINT, _end_at_once)

import orbweaver
import typer
from orbweaver.commands.command_table import CommandGroup
from orbweaver.commands.exit_status import BAD_USAGE, INTERRUPTED, status_of
from orbweaver.commands.plain_help import command_of
from orbweaver.settings import SettingsRefused

app = typer.Typer(
    name="orbweaver",
    cls=CommandGroup,
    help="Recrawls reported hosts, recognises known files by their digests, opens a takedown case for each match.\n\n"
    "Keeps metadata only: no byte of any file is ever written.",
    epilog="Examples:\n\n"
    "  orbweaver verify reports.csv --hashes list.csv\n\n"
    "  orbweaver hashlist build list.csv -o list.hashes\n\n"
    "  orbweaver doctor\n\n"
    "Exit status: 0 all is well; 1 something failed or stayed unknown; 2 bad usage; 130 ended at once by Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(is_asked: bool) -> None:
    if is_asked:
        print(orbweaver.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command; every expected error gives one line on standard error, and an exit status."""
    try:
        command_of(app)()
    except SettingsRefused as error:
        _fail(str(error), BAD_USAGE)
    except KeyboardInterrupt:
        _fail("interrupted", INTERRUPTED)
    except Exception as error:
        status = status_of(error)
        if status is None:
            raise
        _fail(str(error), status)


def _fail(message: str, status: int) -> None:
    # A file's name may have characters that a terminal obeys.
    shown = "".join(it if it.isprintable() or it == "\n" else "\N{REPLACEMENT CHARACTER}" for it in message)
    print(f"orbweaver: {shown}", file=sys.stderr)
    sys.exit(status)


signal.signal(signal.SIGINT, _before)
if __name__ == "__main__":
    main()
