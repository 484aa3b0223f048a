"""``ingot node ...``: one function for each sub-command."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.table import Table

from controller.client.api import Api, Document
from controller.client.certificates import certificate
from controller.client.console import console
from controller.client.errors import NotReached
from controller.client.follow import follow, require_tidied_up
from controller.client.instance import UNSET, FirstBoot, config_drive, image_keys
from controller.client.readings import sel, sensors
from controller.client.screen import Screen, times_table
from controller.client.steps import read_steps
from controller.client.times import Deployment, event_of, last_deployment

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_SHOWN = (
    "uuid",
    "name",
    "provision_state",
    "target_provision_state",
    "power_state",
    "status_text",
    "last_error",
    "maintenance",
    "maintenance_reason",
    "driver",
    "instance_info",
    "properties",
    "image_receipt",
    "burnin",
)
"""What ``show`` tells of a node; ``--json`` tells everything."""
_STEPS_HELP = (
    'The steps, in their order: a file with JSON, - for standard input, or the JSON itself: \'[{"interface": "deploy", '
    '"step": "erase_devices"}]\'.'
)


@click.group()
def node() -> None:
    """Look at nodes and take them from state to state."""


node.add_command(certificate)
node.add_command(console)
node.add_command(sel)
node.add_command(sensors)


def _waits(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--wait`` and ``--timeout``."""
    wait = click.option("--wait", is_flag=True, help="Follow the node until it rests.")
    limit = click.option(
        "--timeout",
        "timeout_s",
        type=float,
        default=3600.0,
        show_default=True,
        help="Longest wait, in seconds.",
    )
    return wait(limit(command))


@node.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_nodes(api: Api, *, as_json: bool) -> None:
    """List all nodes."""
    nodes = api.nodes()
    if as_json:
        _print_json(nodes)
        return
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for title in ("NAME", "STATE", "POWER", "WHAT IT IS DOING"):
        table.add_column(title, overflow="fold")
    for one in nodes:
        mark = " (maintenance)" if one["maintenance"] else ""
        texts = (one["name"] or one["uuid"], f"{one['provision_state']}{mark}")
        table.add_row(*texts, one["power_state"] or "unknown", one.get("status_text") or "")
    Console(highlight=False).print(table)


@node.command("show")
@click.argument("ident", metavar="NODE")
@click.option("--json", "as_json", is_flag=True, help="Print everything, as JSON.")
@click.pass_obj
def show_node(api: Api, ident: str, *, as_json: bool) -> None:
    """Show a node, by name or UUID."""
    found = api.node(ident)
    if as_json:
        _print_json(found)
        return
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for name in _SHOWN:
        for key, text in _lines(name, found.get(name)):
            table.add_row(key, text)
    Console(highlight=False).print(table)


@node.command()
@click.argument("ident", metavar="NODE")
@click.option("--image", required=True, help="URL of the image, or its name in the image store.")
@click.option(
    "--checksum", help="sha256:..., sha512:... or a checksum file's URL; not for the store's."
)
@click.option("--config-drive", "drive", type=_FILE, help="A finished config drive.")
@click.option("--user-data", type=_FILE, help="User data for cloud-init.")
@click.option("--ssh-key", "ssh_keys", type=_FILE, multiple=True, help="A public key; repeatable.")
@click.option("--hostname", help="Host name of the deployed system.")
@_waits
@click.pass_obj
def deploy(api: Api, /, ident: str, *, wait: bool, timeout_s: float, **words: Any) -> None:
    """Write an image to a node and boot it; an active node is rebuilt."""
    first = FirstBoot(
        config_drive=words["drive"],
        user_data=words["user_data"],
        ssh_keys=words["ssh_keys"],
        hostname=words["hostname"],
    )
    keys, drive = image_keys(words["image"], words["checksum"]), config_drive(first)
    is_active = api.node(ident)["provision_state"] == "active"
    api.set_instance(ident, keys, tuple(key for key in UNSET if key not in keys))
    arguments = {} if drive is None else {"configdrive": drive}
    api.provision(ident, "rebuild" if is_active else "active", **arguments)
    _end(api, ident, "active", timeout_s if wait else None)


def _verb(name: str, target: str, wanted: str | None, text: str) -> None:
    """Add a sub-command that asks for a provision verb and nothing else."""

    def run(api: Api, ident: str, *, wait: bool, timeout_s: float) -> None:
        api.provision(ident, target)
        _end(api, ident, wanted, timeout_s if wait else None)

    command = click.argument("ident", metavar="NODE")(_waits(click.pass_obj(run)))
    node.command(name, help=text)(command)


_verb("manage", "manage", "manageable", "Check that the BMC answers; the node becomes manageable.")
_verb("provide", "provide", "available", "Clean a node and make it available.")
_verb("undeploy", "deleted", "available", "Take a node back from its instance and clean it.")
_verb("unrescue", "unrescue", "active", "End a rescue: the node boots its own system again.")
_verb("adopt", "adopt", "active", "Take a machine that is in use as it is; nothing is switched.")
_verb("unhold", "unhold", None, "Go on after a step that holds the node.")


@node.command()
@click.argument("ident", metavar="NODE")
@_waits
@click.pass_obj
def abort(api: Api, ident: str, *, wait: bool, timeout_s: float) -> None:
    """End what the node is waiting in, also inside a step that can be stopped.

    With --wait it is a failure if the machine could not be switched off, or not be brought back, afterwards.
    """
    api.provision(ident, "abort")
    found = _end(api, ident, None, timeout_s if wait else None)
    if found is not None:
        require_tidied_up(api, ident, found)


def _steps_verb(name: str, wanted: str, text: str) -> None:
    """Add a sub-command that has the steps of a file, or of its argument, carried out."""

    def run(
        api: Api,
        ident: str,
        *,
        steps: str | None,
        runbook: str | None,
        no_ramdisk: bool,
        wait: bool,
        timeout_s: float,
    ) -> None:
        if (steps is None) is (runbook is None):
            raise click.UsageError("Give either --steps or --runbook.")
        if runbook is not None and no_ramdisk:
            raise click.UsageError(
                "Whether the ramdisk is booted says the runbook; leave --no-ramdisk out."
            )
        arguments: dict[str, Any] = {"runbook": runbook}
        if steps is not None:
            arguments = {f"{name}_steps": read_steps(steps)}
        if no_ramdisk:
            arguments["disable_ramdisk"] = True
        api.provision(ident, name, **arguments)
        _end(api, ident, wanted, timeout_s if wait else None)

    option = click.option("--steps", metavar="FILE|JSON", help=_STEPS_HELP)
    other = click.option("--runbook", metavar="NAME", help="The runbook that has the steps.")
    flag = click.option("--no-ramdisk", is_flag=True, help="Take steps that run without it only.")
    options = option(other(flag(_waits(click.pass_obj(run)))))
    command = click.argument("ident", metavar="NODE")(options)
    node.command(name, help=text)(command)


_steps_verb("clean", "manageable", "Carry clean steps out on a manageable node.")
_steps_verb("service", "active", "Carry service steps out on a node in use.")


@node.command("raid")
@click.argument("ident", metavar="NODE")
@click.argument("file", type=_FILE, required=False)
@click.pass_obj
def raid(api: Api, ident: str, file: Path | None) -> None:
    """Say which logical disks a node shall have (FILE: JSON), or show what it shall have and what it has.

    The clean steps raid.delete_configuration and raid.create_configuration make them.
    """
    if file is not None:
        try:
            wanted = json.loads(file.read_text())
        except ValueError as error:
            raise NotReached(f"{file} is no JSON: {error}") from error
        api.set_raid(ident, wanted)
        click.echo(f"stored; cleaning {ident} with raid.create_configuration makes them")
        return
    found = api.node(ident)
    _print_json({name: found.get(name) for name in ("target_raid_config", "raid_config")})


@node.command()
@click.argument("ident", metavar="NODE")
@click.option(
    "--password-file",
    type=click.File(),
    help="File whose first line is the password (- is the standard input); else it is asked for.",
)
@_waits
@click.pass_obj
def rescue(
    api: Api, ident: str, *, password_file: TextIO | None, wait: bool, timeout_s: float
) -> None:
    """Boot a node into the ramdisk and let the user rescue in by SSH, with a password."""
    if password_file is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = password_file.readline().rstrip("\r\n")
    api.provision(ident, "rescue", rescue_password=password)
    _end(api, ident, "rescue", timeout_s if wait else None)


@node.command()
@click.argument("ident", metavar="NODE")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def times(api: Api, ident: str, *, as_json: bool) -> None:
    """Show where the time of the last deployment went."""
    deployment = last_deployment([event_of(document) for document in api.history(ident)])
    if deployment is None:
        raise NotReached(f"node {ident} has no deployment in its history; deploy it first")
    if as_json:
        _print_json(_times_document(deployment))
        return
    outcome = deployment.outcome or "not ended yet"
    title = f"last deployment of {ident}: {outcome}"
    Console(highlight=False).print(times_table(title, deployment.rows))


def _end(api: Api, ident: str, wanted: str | None, timeout_s: float | None) -> Document | None:
    """Follow the node and return it, or say how to; ``timeout_s`` = ``None``: do not wait."""
    if timeout_s is None:
        click.echo(f"asked for; `ingot node show {ident}` says how far it is")
        return None
    with Screen([ident]) as screen:
        found = follow(api, ident, wanted, timeout_s, lambda one: screen.show(ident, one))
        receipt = found.get("image_receipt")
        if wanted == "active" and receipt:
            screen.say(
                f"{ident}: {receipt['digest']} on {receipt['disk']},"
                f" read back: {receipt['verified']} ({receipt['compared_bytes']} bytes)"
            )
    return found


def _times_document(deployment: Deployment) -> Document:
    rows = [
        {
            "name": row.name,
            "seconds": round(row.seconds, 3),
            "bytes_done": row.bytes_done,
            "is_part": row.is_part,
        }
        for row in deployment.rows
    ]
    return {
        "started_at": deployment.started_s,
        "outcome": deployment.outcome,
        "seconds": round(deployment.seconds, 3),
        "rows": rows,
    }


def _lines(name: str, value: Any) -> list[tuple[str, str]]:
    """Return the lines of one field; an object has one for each key."""
    if value in (None, "", {}):
        return []
    if isinstance(value, dict):
        pairs = [(key, item) for key, item in value.items() if key != "phases"]
        return [(f"{name}.{key}", str(item)) for key, item in pairs if item is not None]
    return [(name, str(value))]


def _print_json(document: object) -> None:
    click.echo(json.dumps(document, indent=2))
