"""Entries of the Boot Loader Specification: one file for each system that can be started, ``<boot>/loader/entries/*.conf``. Pure.

Source: UAPI group, "Boot Loader Specification" (UAPI.1) and "Version Format Specification" (UAPI.10). Unified kernels are left out:
they are programs of the firmware.
"""

import fnmatch
import functools
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.boot.kexec.volumes import FilePlace, Files, LinuxBoot, NoBootConfig, Volume

_MOST_ENTRIES = 500
_MOST_BYTES = 64 << 10
_COUNTER = re.compile(r"\+(?P<left>\d{1,4})(?:-\d{1,4})?$")
"""Boot counting: ``name+3-1.conf`` has three tries left."""
_VERSION_PART = re.compile(r"(?P<letters>[A-Za-z]+)|(?P<number>[0-9]+)|(?P<mark>[~^.-])")
_MARKS = {"~": 0, "-": 2, "^": 3, ".": 4}
"""What sorts before the end of a version (1) and behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderEntry:
    """One entry; empty = not given. ``linux`` and ``initrds`` are paths of the volume that it lies on."""

    name: str
    """The file's name without ``.conf`` and the counter."""
    title: str
    version: str
    sort_key: str
    machine_id: str
    linux: str
    initrds: tuple[str, ...]
    options: str
    architecture: str
    is_used_up: bool
    """Its tries have been used up without success."""
    folder: str
    """Where it lies."""

    def boot_from(
        self,
        volume: Volume,
        *,
        source: str,
        expand: Callable[[str], str] = str,
    ) -> LinuxBoot:
        """Return what it starts.

        Args:
            volume: Where it lies.
            source: Name of the boot loader.
            expand: Puts the boot loader's variables into the names of files.

        Raises:
            NoBootConfig: It has no kernel.
        """
        if not self.linux:
            raise NoBootConfig(
                f"{source} starts {self.title!r}, which is no Linux kernel by itself"
            )
        kernel = self._place(volume, expand(self.linux))
        words = [word for one in self.initrds for word in expand(one).split()]
        return LinuxBoot(
            kernel=kernel,
            initrds=tuple(self._place(volume, word) for word in words),
            command_line=expand(self.options),
            source=f"{source}, {self.title}",
        )

    def _place(self, volume: Volume, path: str) -> FilePlace:
        """Return a file's place; ``/boot`` may be missing in the entry where it is a folder of the root file system."""
        path = "/" + path.lstrip("/")
        files = volume.files
        if (
            files is not None
            and files.size_bytes(path) is None
            and self.folder.startswith("/boot/")
        ):
            return FilePlace(volume=volume, path=f"/boot{path}")
        return FilePlace(volume=volume, path=path)


def read_entries(files: Files, folder: str) -> tuple[LoaderEntry, ...]:
    """Return the entries of a folder; none if it is not there.

    Raises:
        FileSystemError: One is too large, or cannot be read.
    """
    found = []
    for name in files.names(folder, _MOST_ENTRIES):
        if name.endswith(".conf") and not name.startswith("."):
            content = files.read(f"{folder}/{name}", _MOST_BYTES)
            if content is not None:
                found.append(parse_entry(name, content.decode("utf-8", "replace"), folder))
    return tuple(found)


def parse_entry(file_name: str, text: str, folder: str = "") -> LoaderEntry:
    """Return an entry; of keys that may stand once the last counts."""
    values: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.strip().replace("\t", " ", 1).partition(" ")
        if key and not key.startswith("#"):
            values.setdefault(key, []).append(value.strip())
    name = file_name.removesuffix(".conf")
    counter = _COUNTER.search(name)

    def last(key: str) -> str:
        return values.get(key, [""])[-1]

    return LoaderEntry(
        name=name[: counter.start()] if counter else name,
        title=last("title") or name,
        version=last("version"),
        sort_key=last("sort-key"),
        machine_id=last("machine-id"),
        linux=last("linux"),
        initrds=tuple(values.get("initrd", ())),
        options=" ".join(values.get("options", ())),
        architecture=last("architecture").lower(),
        is_used_up=counter is not None and int(counter["left"]) == 0,
        folder=folder,
    )


def by_version(entries: Sequence[LoaderEntry]) -> list[LoaderEntry]:
    """Return entries newest first, by the names of their files, as Fedora's GRUB sorts them."""
    key = functools.cmp_to_key(compare_versions)
    return sorted(entries, key=lambda entry: key(entry.name), reverse=True)


def by_specification(entries: Sequence[LoaderEntry]) -> list[LoaderEntry]:
    """Return entries as systemd-boot shows them: usable before used up, those with a sort key before others, then newest first."""

    def compare(one: LoaderEntry, other: LoaderEntry) -> int:
        first = (one.is_used_up, not one.sort_key), (other.is_used_up, not other.sort_key)
        if first[0] != first[1]:
            return -1 if first[0] < first[1] else 1
        keys = (one.sort_key, one.machine_id), (other.sort_key, other.machine_id)
        if one.sort_key and keys[0] != keys[1]:
            return -1 if keys[0] < keys[1] else 1
        versions = compare_versions(other.version, one.version) if one.sort_key else 0
        return versions or compare_versions(other.name, one.name)

    return sorted(entries, key=functools.cmp_to_key(compare))


def matching(entries: Sequence[LoaderEntry], pattern: str) -> LoaderEntry | None:
    """Return the first entry whose file's name ``default`` of ``loader.conf`` means; ``None`` = none."""
    wanted = pattern.removesuffix(".conf").lower()
    return next((one for one in entries if fnmatch.fnmatchcase(one.name.lower(), wanted)), None)


def compare_versions(one: str, other: str) -> int:
    """Return a number below, equal to or above 0, as version ``one`` is older, equal or newer."""
    for a, b in itertools.zip_longest(_parts(one), _parts(other), fillvalue=(1, 0, "")):
        if a != b:
            return -1 if a < b else 1
    return 0


def _parts(version: str) -> list[tuple[int, int, str]]:
    """Return the parts of a version in a form that compares: rank, number, letters."""
    found = []
    for match in _VERSION_PART.finditer(version[:256]):
        if match["mark"]:
            found.append((_MARKS[match["mark"]], 0, ""))
        elif match["letters"]:
            found.append((5, 0, match["letters"]))
        else:
            found.append((6, int(match["number"]), ""))
    return found
