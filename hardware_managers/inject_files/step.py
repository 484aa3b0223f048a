"""The step ``inject_files``: files for the system that was written, one after the other."""

import io
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from agent.disks.mounted_files import FileSystems, Place, in_own_namespace
from agent.errors import InvalidRequest
from agent.hardware.capabilities import StepContext
from agent.hardware.image_rules import ImageRules
from agent.hardware.tools import Fetch
from agent.images.download import Downloader
from agent.protocol.commands import Progress
from hardware_managers.inject_files.order import InjectedFile, read_order

_MOST_BYTES = 256 << 20
"""Of one file that is fetched: it is kept in memory until it is written."""
Done = dict[str, Any]


def inject_files(context: StepContext) -> dict[str, list[Done]]:
    """Put files on the root disk, or take them from it.

    Everything is fetched before the first file is written.

    Returns:
        ``files``: for each ``path`` and ``partition``, and ``bytes`` and ``sha256`` as read back, or whether it was there to be ``deleted``.

    Raises:
        InvalidRequest: An item is malformed.
        FileSystemError: A file's place is not there, or it cannot be written.
        ImageDownloadError: A file cannot be fetched.
    """
    files = read_order(context.node, context.ports, context.args)
    if not files:
        return {"files": []}
    fetch = _fetch(context)
    contents = [_content(file, number, context, fetch) for number, file in enumerate(files)]
    disk = context.hardware.root_disk(context.node).disk
    work = _Injection(context, disk.path, tuple(zip(files, contents, strict=True)))
    return {"files": in_own_namespace(work.run)}


Content = Callable[[], BinaryIO]


class _Injection:
    """What is done in the mount namespace."""

    def __init__(
        self, context: StepContext, disk: Path, work: tuple[tuple[InjectedFile, Content], ...]
    ) -> None:
        self._context = context
        self._disk = disk
        self._work = work

    def run(self) -> list[Done]:
        """Write file after file."""
        tools = self._context.tools
        systems = FileSystems(self._disk, tools.folder, tools.runner)
        done = []
        for file, content in self._work:
            tools.stop.check("inject_files")
            tools.progress(Progress(phase="inject files", message=file.path))
            place = systems.place(file.partition, file.first_folder)
            done.append(_inject(systems, place, file, content))
        return done


def _inject(systems: FileSystems, place: Place, file: InjectedFile, content: Content) -> Done:
    shown: Done = {"path": file.path, "partition": place.number or str(place.device)}
    with ExitStack() as clean_up:
        tree = clean_up.enter_context(systems.mounted(place))
        if file.is_deleted:
            return {**shown, "deleted": tree.delete(file.path)}
        size_bytes, sha256 = tree.write(
            file.path,
            clean_up.enter_context(content()),
            mode=file.mode,
            dirmode=file.dirmode,
            owner=file.owner,
            group=file.group,
        )
    return {**shown, "bytes": size_bytes, "sha256": sha256}


def _content(file: InjectedFile, number: int, context: StepContext, fetch: Fetch) -> Content:
    """Return how to open what the file shall hold; a URL is fetched here."""
    if file.url is None:
        return lambda: io.BytesIO(file.content or b"")
    fetched = fetch(
        file.url, context.tools.folder / f"file-{number}", file.checksum, most_bytes=_MOST_BYTES
    )
    return lambda: fetched.open("rb")


def _fetch(context: StepContext) -> Fetch:
    """Return the download for these files: without a checksum what comes is taken, as Ironic's agent takes it."""
    tools, rules = context.tools, context.hardware.wishes.images
    return Downloader(rules_for(rules, context.args), context.node, tools.progress, tools.stop)


def rules_for(rules: ImageRules, args: Mapping[str, Any]) -> ImageRules:
    """Return the operator's rules as the argument ``verify_ca`` changes them.

    Raises:
        InvalidRequest: It is neither true nor false.
    """
    verify_ca = args.get("verify_ca", True)
    if not isinstance(verify_ca, bool):
        raise InvalidRequest("inject_files: verify_ca is neither true nor false")
    return replace(rules, allow_unverified=True, verify_tls=rules.verify_tls and verify_ca)
