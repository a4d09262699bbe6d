"""`orbweaver audit`: check the audit log, sign checkpoints of it, and export the proof of one case."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from orbweaver.commands.options import StateDir, read_settings

app = typer.Typer(help="Check the audit log, and prove what it says.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PublicKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="KEY",
        help="A public key, as `orbweaver audit key` prints it; may be repeated (default: that of the store).",
    ),
]


@app.command(
    epilog="Examples:\n\n  orbweaver audit verify\n\n"
    "  orbweaver audit verify --checkpoint /srv/elsewhere/000000000120.checkpoint\n\n"
    "Exit status: 0 nothing was changed; 1 something was, and each fault is on a line; 2 bad usage, or no store."
)
def verify(
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept elsewhere; may be repeated."),
    ] = None,
    key: PublicKeys = None,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Find every entry that was changed, taken away, added or put elsewhere, and every event that is not as recorded.

    The checkpoints in the state directory are compared, too.
    """
    from orbweaver.console.terminal import audit as command

    command.verify(read_settings(state), checkpoint or [], key or [], is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver audit checkpoint\n\n  orbweaver audit checkpoint --out - | lp\n\n"
    "Exit status: 0 written; 1 the store or its audit log failed; 2 bad usage, no store, or the key cannot be used."
)
def checkpoint(
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; - prints it (default: the state directory)."),
    ] = None,
    state: StateDir = None,
) -> None:
    """Sign the log as it is now: so many entries, with this root. Keep it where the store's users cannot change it."""
    from orbweaver.console.terminal import audit as command

    command.checkpoint(read_settings(state), out)


@app.command(
    epilog="Examples:\n\n  orbweaver audit key\n\nExit status: 0 printed; 2 no store, or the key cannot be used."
)
def key(state: StateDir = None) -> None:
    """Print the public key that checkpoints are signed with; the private one stays in its file."""
    from orbweaver.console.terminal import audit as command

    command.show_key(read_settings(state))


@app.command(
    epilog="Examples:\n\n"
    "  orbweaver audit export b0ed2541-2a0f-50ba-98bd-55b7daf81fea --out case.pack.json\n\n"
    "Exit status: 0 written; 1 the store or its audit log failed; 2 bad usage, no store, no such case, or it is older "
    "than the audit log."
)
def export(
    case_id: Annotated[str, typer.Argument(metavar="CASE", help="The id of the case.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write; - prints it.")] = Path("-"),
    state: StateDir = None,
) -> None:
    """Write all events of a case with the proof that they are in the log: docs/audit.md is the format.

    The pack has the exact URLs of the case.
    """
    from orbweaver.console.terminal import audit as command

    command.export(read_settings(state), case_id, out)


@app.command(
    "verify-pack",
    epilog="Examples:\n\n  orbweaver audit verify-pack case.pack.json --key orbweaver-1f2e3d4c+8a7b6c5d+AbC...\n\n"
    "Exit status: 0 all of it is proved; 1 something is not, and each fault is on a line; 2 bad usage, or no pack.",
)
def verify_pack(
    file: Annotated[Path, typer.Argument(help="A pack that `orbweaver audit export` wrote.", show_default=False)],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The public key, from whoever made the pack.")],
) -> None:
    """Check the pack of a case against a public key that you got another way. Needs no store."""
    from orbweaver.console.terminal import audit as command

    command.verify_pack(file, key)
