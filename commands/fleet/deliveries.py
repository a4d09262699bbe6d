"""`orbweaver deliveries`: what each sink has and has not taken, having it tried again, and acknowledgements."""

from __future__ import annotations

from typing import Annotated

import typer
from orbweaver.commands.options import AsJson, BearerToken, Certificate, CertificateKey, StateDir, read_settings

app = typer.Typer(help="Show deliveries to the takedown engine, and try them again.", no_args_is_help=True)
SinkName = Annotated[
    str | None, typer.Option("--sink", metavar="NAME", help="Only this sink, as `deliveries list` names it.")
]


@app.command(
    "list",
    epilog="Examples:\n\n  orbweaver deliveries list\n\n"
    "  orbweaver deliveries list --json | jq '.events[] | select(.is_parked)'\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 bad usage, or there is no store.",
)
def list_deliveries(is_json: AsJson = False, state: StateDir = None) -> None:
    """Show each sink: what waits for it, what it did not take and why, what is parked."""
    from orbweaver.console.terminal.fleet import delivery_table

    delivery_table.show_all(read_settings(state), is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver deliveries show b0ed2541-2a0f-50ba-98bd-55b7daf81fea\n\n"
    "Exit status: 0 shown; 1 the store failed; 2 no such case or event, bad usage, or there is no store.",
)
def show(
    named: Annotated[str, typer.Argument(metavar="ID", help="The id of a case, or of one of its events.")],
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Show the events of a case, and which sink has taken each, when, or when it is tried again."""
    from orbweaver.console.terminal.fleet import delivery_table

    delivery_table.show_one(read_settings(state), named, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver deliveries retry\n\n"
    "  orbweaver deliveries retry --sink jsonl:/srv/events --missing --yes\n\n"
    "  orbweaver deliveries retry --sink jsonl:/srv/events --again --case b0ed2541-2a0f-50ba-98bd-55b7daf81fea\n\n"
    "The takedown workers deliver: this command has it tried now.\n\n"
    "Exit status: 0 done; 1 the store failed; 2 no such sink or case, bad usage, or there is no store.",
)
def retry(
    sink: SinkName = None,
    case: Annotated[str | None, typer.Option(metavar="ID", help="Only this case.")] = None,
    is_missing: Annotated[
        bool, typer.Option("--missing", help="Send what the sink never got, such as a new sink: needs --sink.")
    ] = False,
    is_again: Annotated[
        bool, typer.Option("--again", help="Send all events of the case once more: needs --sink and --case.")
    ] = False,
    is_yes: Annotated[bool, typer.Option("--yes", help="Do not ask before many events are sent.")] = False,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Have everything that failed tried now, also what is parked; or have events sent once more."""
    if is_missing and is_again:
        raise typer.BadParameter("give --missing or --again, not both")
    if (is_missing or is_again) and sink is None:
        raise typer.BadParameter("--missing and --again need the sink: --sink NAME")
    if is_again and case is None:
        raise typer.BadParameter("--again needs a case: --case ID")
    from orbweaver.console.terminal.fleet import delivery_table

    settings = read_settings(state)
    if is_missing or is_again:
        assert sink is not None
        delivery_table.send_again(settings, sink, case, is_all=is_again, is_yes=is_yes, is_json=is_json)
    else:
        delivery_table.retry(settings, sink, case, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver deliveries acknowledge 0b8f1c6e-3d0a-4c53-9a7e-5f1d2b3c4a59 --as 'A. Analyst'\n\n"
    "Exit status: 0 recorded, now or before; 1 the store failed; 2 no such event, bad usage, or there is no store.",
)
def acknowledge(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The id of the event.")],
    person: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who does it (default: the user of this machine).")
    ] = None,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why, for the record.")] = None,
    is_json: AsJson = False,
    state: StateDir = None,
) -> None:
    """Record that the takedown engine has an event, when it cannot say so itself."""
    from orbweaver.console.terminal.fleet import acknowledging

    acknowledging.acknowledge(read_settings(state), event, person=person, reason=reason, is_json=is_json)


@app.command(
    epilog="Examples:\n\n  orbweaver deliveries serve\n\n"
    "  orbweaver deliveries serve --listen 0.0.0.0:8766 --token file:/run/secrets/acks --certificate acks.pem\n\n"
    "The engine sends: curl -X POST -H 'Authorization: Bearer ...' http://127.0.0.1:8766/v1/events/ID/ack\n\n"
    "Exit status: 0 told to stop; 1 the store failed, or the port is taken; 2 bad usage, or there is no store.",
)
def serve(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where to listen.")] = "127.0.0.1:8766",
    token: BearerToken = None,
    certificate: Certificate = None,
    key: CertificateKey = None,
    state: StateDir = None,
) -> None:
    """Take the engine's acknowledgements over HTTP until told to stop."""
    from orbweaver.console.terminal.fleet import acknowledging

    acknowledging.serve(read_settings(state), listen=listen, token=token, certificate=certificate, key=key)
