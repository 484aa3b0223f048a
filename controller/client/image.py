"""``ingot image ...``: the controller's image store, one function for each sub-command."""

import json
import time
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from controller.client.api import Api, Document
from controller.client.errors import NotReached

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_PIECE_BYTES = 16 << 20
_LOOK_S = 1.0
_MIB = 1 << 20
_ENDS = ("active", "failed")


@click.group()
def image() -> None:
    """Keep images in the controller's store."""


def _waits(command: click.decorators.FC) -> click.decorators.FC:
    wait = click.option("--wait", is_flag=True, help="Wait until it can be deployed.")
    limit = click.option(
        "--timeout", "timeout_s", type=float, default=7200.0, show_default=True, help="Longest wait, in seconds."
    )  # fmt: skip
    return wait(limit(command))


@image.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_images(api: Api, *, as_json: bool) -> None:
    """List all images."""
    images = api.images()
    if as_json:
        click.echo(json.dumps(images, indent=2))
        return
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for title in ("NAME", "STATUS", "MIB", "DIGEST", "COPIES"):
        table.add_column(title, overflow="fold")
    for one in images:
        size = one["size_bytes"]
        mib = "" if size is None else f"{size / _MIB:.1f}"
        copies = ", ".join(copy["conductor"] for copy in one["copies"])
        digest = (
            f"{one['os_hash_algo']}:{one['os_hash_value'][:12]}" if one["os_hash_value"] else ""
        )
        table.add_row(one["name"], one["status"], mib, digest, copies)
    Console(highlight=False).print(table)


@image.command("show")
@click.argument("name", metavar="IMAGE")
@click.pass_obj
def show_image(api: Api, name: str) -> None:
    """Show an image, by name or UUID, as JSON."""
    click.echo(json.dumps(api.image(name), indent=2))


@image.command("add")
@click.argument("name")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option(
    "--checksum", help="sha256:... or sha512:...; without it the one that is found counts."
)
@click.option("--disk-format", help="raw or qcow2, where the content does not say it.")
@_waits
@click.pass_obj
def add_image(
    api: Api,
    name: str,
    urls: tuple[str, ...],
    *,
    checksum: str | None,
    disk_format: str | None,
    wait: bool,
    timeout_s: float,
) -> None:
    """Have the controller fetch an image; several URLs are mirrors of one file."""
    api.register_image({**_described(name, checksum, disk_format), "urls": list(urls)})
    _end(api, name, timeout_s if wait else None)


@image.command("upload")
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--checksum", help="sha256:... or sha512:... that it must have.")
@click.option("--disk-format", help="raw or qcow2, where the content does not say it.")
@_waits
@click.pass_obj
def upload_image(
    api: Api,
    name: str,
    file: Path,
    *,
    checksum: str | None,
    disk_format: str | None,
    wait: bool,
    timeout_s: float,
) -> None:
    """Send an image to the controller; what was begun earlier goes on where it stopped."""
    described = _described(name, checksum, disk_format)
    known = {one["name"]: one for one in api.images()}
    if name in known:
        _require_same(known[name], described)
    else:
        api.register_image(described)
    done = next((copy["bytes_done"] for copy in known.get(name, {}).get("copies", ())), 0)
    _send(api, name, file, done)
    _end(api, name, timeout_s if wait else None)


@image.command("delete")
@click.argument("name", metavar="IMAGE")
@click.pass_obj
def delete_image(api: Api, name: str) -> None:
    """Delete an image and every controller's copy of it."""
    api.delete_image(name)


def _described(name: str, checksum: str | None, disk_format: str | None) -> Document:
    body: Document = {"name": name}
    if checksum:
        algorithm, _, value = checksum.rpartition(":")
        body |= {"os_hash_algo": algorithm or "sha256", "os_hash_value": value}
    if disk_format:
        body["disk_format"] = disk_format
    return body


def _require_same(known: Document, described: Document) -> None:
    """Refuse to go on with an image that is registered as another one than is described now.

    Raises:
        NotReached: It has another checksum or format, or was registered without.
    """
    for key, value in described.items():
        there = known[key]
        if there is None or str(there).lower() != str(value).lower():
            raise NotReached(
                f"image {known['name']} is registered with {key} {there or 'not given'}, not {value}: leave the option out to go on with "
                "it, delete the image, or upload under another name"
            )


def _send(api: Api, name: str, file: Path, done_bytes: int) -> None:
    size_bytes = file.stat().st_size
    if size_bytes == 0:
        raise NotReached(f"{file} is empty")
    start_byte = done_bytes if done_bytes < size_bytes else 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with file.open("rb") as source, Progress(*columns, console=Console(stderr=True)) as bar:
        source.seek(start_byte)
        task = bar.add_task(name, total=size_bytes, completed=start_byte)
        while piece := source.read(_PIECE_BYTES):
            api.send_piece(name, piece, start_byte, size_bytes)
            start_byte += len(piece)
            bar.update(task, completed=start_byte)


def _end(api: Api, name: str, timeout_s: float | None) -> None:
    """Wait for the end, if that is asked for.

    Raises:
        NotReached: It has failed, or takes longer.
    """
    ends_at = time.monotonic() + (timeout_s or 0.0)
    while True:
        found = api.image(name)
        if timeout_s is None or found["status"] == "active":
            click.echo(f"{name}: {found['status']}")
            return
        if found["status"] in _ENDS:
            raise NotReached(f"image {name} has failed: {found['last_error']}")
        if time.monotonic() >= ends_at:
            raise NotReached(f"image {name} is still {found['status']} after {timeout_s:.0f} s")
        time.sleep(_LOOK_S)
