"""``ingot node sensors`` and ``ingot node sel``: what a node's BMC says of the machine."""

import json
from collections.abc import Iterator

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from controller.client.api import Api, Document

_READING_KEYS = (
    ("States", ""),
    ("Sensor Reading", ""),
    ("reading_celsius", " degrees C"),
    ("reading_volts", " Volts"),
    ("power_consumed_watts", " Watts"),
    ("last_power_output_watts", " Watts"),
    ("reading", ""),
)
"""Where a reading stands, and its unit."""


@click.command("sensors")
@click.argument("ident", metavar="NODE")
@click.option(
    "--now", "is_new", is_flag=True, help="Ask the BMC, also where it is read at intervals."
)
@click.option("--json", "as_json", is_flag=True, help="Print all that they say.")
@click.pass_obj
def sensors(api: Api, /, ident: str, *, is_new: bool, as_json: bool) -> None:
    """Show what the sensors of a node's machine say."""
    found = api.sensors(ident, is_new=is_new)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    table = _table("KIND", "SENSOR", "READING", "STATUS")
    for row in _rows(found):
        table.add_row(*(escape(cell) for cell in row))
    Console(highlight=False).print(table)
    left_out = f"; {found['left_out']} could not be read" if found["left_out"] else ""
    click.echo(
        f"read at {found['collected_at'][:19]}Z, health: {found['health'] or 'not known'}{left_out}"
    )


@click.command("sel")
@click.argument("ident", metavar="NODE")
@click.option(
    "--last",
    "most",
    default=20,
    show_default=True,
    type=click.IntRange(1, 500),
    help="So many entries, the newest first.",
)
@click.option("--clear", "clears", is_flag=True, help="Empty the log, after it was shown.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.pass_obj
def sel(api: Api, /, ident: str, *, most: int, clears: bool, as_json: bool) -> None:
    """Show the log of the hardware that a node's BMC keeps (IPMI: the system event log)."""
    found = api.bmc_log(ident, most)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        _show_log(found)
    if clears:
        api.clear_bmc_log(ident)
        click.echo(f"the log of node {ident} was cleared", err=True)


def _show_log(found: Document) -> None:
    table = _table("TIME", "SEVERITY", "SENSOR", "MESSAGE")
    for one in found["entries"]:
        said = one["created_at"]
        time = said[:19].replace("T", " ") if said else "before its clock was set"
        cells = (time, one["severity"] or "-", one["sensor"] or "-", one["message"])
        table.add_row(*(escape(cell) for cell in cells))
    Console(highlight=False).print(table)
    full = ", and the BMC drops others until it is cleared" if found["is_full"] else ""
    click.echo(f"{len(found['entries'])} of {found['total']} entries{full}")


def _rows(found: Document) -> Iterator[tuple[str, str, str, str]]:
    for kind, several in sorted(found["sensors"].items()):
        for name, said in sorted(several.items()):
            label = said.get("name") or name
            status = said.get("Status") or said.get("health") or said.get("state") or "-"
            yield kind, str(label), _reading(said), str(status)


def _reading(said: Document) -> str:
    for key, unit in _READING_KEYS:
        if said.get(key) is not None:
            ending = (
                f" {said['reading_units']}"
                if key == "reading" and said.get("reading_units")
                else unit
            )
            return f"{said[key]}{ending}"
    return "-"


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table
