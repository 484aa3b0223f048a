"""``ingot node certificate``: lists, shows, prints and checks certificates of sanitization."""

import base64
import json
from pathlib import Path
from typing import Any

import click
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rich.console import Console
from rich.table import Table

from controller.client.api import Api, Document
from controller.client.errors import NotReached

_MOST_BYTES = 1 << 20


@click.command("certificate")
@click.argument("ident", metavar="NODE")
@click.option("--id", "name", help="One certificate, by UUID; the newest without it.")
@click.option("--json", "as_json", is_flag=True, help="Print a signed certificate, to be kept.")
@click.option("--html", "as_html", is_flag=True, help="Print it as a page for printing.")
@click.option(
    "--verify",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Check a certificate that was kept with --json.",
)
@click.pass_obj
def certificate(
    api: Api, /, ident: str, *, name: str | None, as_json: bool, as_html: bool, file: Path | None
) -> None:
    """List the certificates of a node's erased disks, or show or check one."""
    if file is not None:
        click.echo(verified(file, api.node(ident)["uuid"], api.certificate_keys()))
        return
    found = api.certificates(ident)
    if not found:
        raise NotReached(
            f"node {ident} has no certificate; a step that erases whole disks makes them"
        )
    chosen = name or found[0]["uuid"]
    if as_json:
        click.echo(json.dumps(api.certificate(ident, chosen), indent=2, ensure_ascii=False))
    elif as_html:
        click.echo(api.certificate_page(ident, chosen))
    else:
        _list([one for one in found if name in {None, one["uuid"]}])


def verified(file: Path, node_uuid: str, keys: list[Document]) -> str:
    """Return what a kept certificate says, if the controller signed it for this node.

    Args:
        file: What ``--json`` printed.
        node_uuid: The node that it should be of.
        keys: The controller's public keys.

    Raises:
        NotReached: It is none, was changed, is of another node, or was signed by somebody else.
    """
    kept = _read(file)
    try:
        document, signature = kept["certificate"], kept["signature"]
        known = {one["key_id"]: one["public_key"] for one in keys}
        public = known.get(signature["key_id"])
        if public is None:
            raise NotReached(
                f"{file}: signed with key {signature['key_id']}, which is none of this controller's"
            )
        text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
        key.verify(base64.b64decode(signature["value"], validate=True), text.encode())
        owner, verdict, serial = (
            document["node"]["uuid"],
            document["verdict"],
            document["media"].get("serial"),
        )
    except InvalidSignature:
        raise NotReached(
            f"{file}: the signature is not of this text: it was changed after it was signed"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, UnicodeEncodeError) as error:
        raise NotReached(f"{file}: no certificate of sanitization ({error!r})") from error
    if owner != node_uuid:
        raise NotReached(f"{file}: genuine, but of node {owner}, not of {node_uuid}")
    return f"genuine: {verdict}, serial {serial}, issued at {document['issued_at']}"


def _read(file: Path) -> Any:
    if file.stat().st_size > _MOST_BYTES:
        raise NotReached(f"{file}: larger than {_MOST_BYTES} bytes; no certificate is")
    try:
        return json.loads(file.read_text())
    except (ValueError, OSError, RecursionError) as error:
        raise NotReached(f"{file}: no JSON: {error}") from error


def _list(found: list[Document]) -> None:
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for title in ("ISSUED", "VERDICT", "SERIAL", "LEVELS", "METHOD", "UUID"):
        table.add_column(title, overflow="fold")
    for one in found:
        levels = ", ".join(one["levels"]) or "-"
        cells = (one["created_at"][:19], one["verdict"], one["serial"] or "-", levels)
        table.add_row(*cells, one["method"] or "-", one["uuid"])
    Console(highlight=False).print(table)
