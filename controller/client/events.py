"""``ingot events``: what happened to nodes, and what happens now."""

import json
import time
from collections.abc import Iterator, Mapping

import click

from controller.client.api import Api, Document
from controller.client.console_stream import event_lines
from controller.client.errors import ClientError, Unreachable

_HOLD_ON_S = 60.0
"""A controller that restarts is waited for this long."""
_PAUSE_S = 1.0
_DATA = "ironic_object.data"


@click.command()
@click.option("--node", metavar="NODE", help="Of this node alone, by name or UUID.")
@click.option("--type", "types", metavar="TYPE", multiple=True, help="Of this type, such as 'baremetal.node.power_set.*'; may be given several times.")  # fmt: skip
@click.option("--since", type=click.IntRange(min=0), help="Behind the one with this number; --follow begins with what comes now without it.")  # fmt: skip
@click.option("--follow", "-f", "is_followed", is_flag=True, help="Go on with what comes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each.")
@click.pass_obj
def events(
    api: Api,
    *,
    node: str | None,
    types: tuple[str, ...],
    since: int | None,
    is_followed: bool,
    as_json: bool,
) -> None:
    """Show what happened to nodes, oldest first."""
    query = {"node": node, "type": ",".join(types) or None}
    if since is not None:
        query["since"] = str(since)
    given = {name: value for name, value in query.items() if value is not None}
    found = _followed(api, given) if is_followed else iter(api.notifications(given))
    for one in found:
        click.echo(json.dumps(one) if as_json else line_of(one))


def line_of(one: Document) -> str:
    """Return a notification in one line for people."""
    data: Document = one["payload"][_DATA]
    when = str(one["timestamp"])[:19].replace("T", " ")
    name = data.get("name") or data.get("uuid")
    kind = str(one["event_type"]).removeprefix("baremetal.").removeprefix("node.")
    return f"{one['id']:>8}  {when}  {name}  {kind}{_more(kind, data)}"


def _more(kind: str, data: Mapping[str, object]) -> str:
    action = kind.partition(".")[0]
    match action:
        case "provision_set":
            said = f"  {data['previous_provision_state']} -> {data['provision_state']}"
        case "power_set":
            said = f"  {data['to_power']}"
        case "power_state_corrected":
            said = f"  {data['from_power']} -> {data['power_state']}"
        case "maintenance_set":
            reason = data["maintenance_reason"]
            said = f"  {'on' if data['maintenance'] else 'off'}" + (f": {reason}" if reason else "")
        case "console_set":
            said = f"  {'on' if data['console_enabled'] else 'off'}"
        case "health_set":
            said = f"  {data['from_health']} -> {data['health']}"
        case _:
            said = ""
    is_error = kind.endswith(".error") and data.get("last_error")
    return f"{said}  ({data['last_error']})" if is_error else said


def _followed(api: Api, query: Mapping[str, str]) -> Iterator[Document]:
    """Give what comes; a connection that breaks is made anew, and goes on where it was."""
    place, lost_at = query.get("since"), None
    while True:
        asked = {**query, **({} if place is None else {"since": place})}
        kind = ""
        try:
            for line in event_lines(api.notification_pieces(asked)):
                lost_at = None
                word, _, value = line.partition(": ")
                if word == "id":
                    place = value
                elif word == "event":
                    kind = value
                elif word == "data" and kind == "gap":
                    click.echo("ingot: some were removed before they could be shown", err=True)
                elif word == "data":
                    yield json.loads(value)
        except ClientError as error:
            now = time.monotonic()
            lost_at = lost_at or now
            if not isinstance(error, Unreachable) or now - lost_at > _HOLD_ON_S:
                raise
        time.sleep(_PAUSE_S)
