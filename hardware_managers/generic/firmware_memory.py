"""The steps that clean what firmware remembers of earlier systems: crash records (pstore) and UEFI boot entries."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import AgentError, EraseError, InvalidRequest
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.protocol.commands import Progress
from agent.protocol.foreign_text import clean_line
from agent.protocol.steps import ArgInfo

_TIMEOUT_S = 60.0
_PSTORE = Path("/sys/fs/pstore")
_EFIVARS = Path("/sys/firmware/efi/efivars")
DEFAULT_PATTERNS = (r"^HD\(", r"shim.*\.efi", r"grub.*\.efi")
"""Entries of systems on disks; Ironic's defaults."""
_MOST_PATTERNS, _MOST_PATTERN_CHARS = 50, 200
_ENTRY = re.compile(r"^Boot([0-9A-Fa-f]{4})(\*?)\s(.*)$")
_MOST_NAMED = 20


def erase_pstore(context: StepContext, folder: Path = _PSTORE) -> dict[str, Any]:
    """Remove the kernel's crash records from the firmware's memory; they may hold parts of a tenant's memory.

    Returns:
        ``removed``: the names of the records.

    Raises:
        EraseError: A record is still there.
    """
    if not folder.is_dir():
        return {"removed": [], "detail": "this kernel keeps no crash records (no pstore)"}
    if not folder.is_mount():
        context.tools.runner.run(
            "mount", "-t", "pstore", "pstore", str(folder), timeout_s=_TIMEOUT_S
        )
    names = sorted(file.name for file in folder.iterdir())
    context.progress(Progress(phase="erase pstore", message=f"{len(names)} records"))
    for name in names:
        try:
            (folder / name).unlink()
        except OSError as error:
            raise EraseError(
                f"pstore record {name}: not removed: {error.strerror}; clear the firmware's event log"
            ) from error
    left = [file.name for file in folder.iterdir() if file.name in names]
    if left:
        raise EraseError(f"pstore still holds {', '.join(left)}; clear the firmware's event log")
    return {"removed": [clean_line(name, 200) for name in names]}


def clean_uefi_nvram(context: StepContext, efivars: Path = _EFIVARS) -> dict[str, Any]:
    """Remove UEFI boot entries whose device path matches one of ``match_patterns``, and look again.

    Returns:
        ``removed``: the entries, as the firmware named them.

    Raises:
        InvalidRequest: ``match_patterns`` is no list of regular expressions.
        EraseError: The firmware still shows a removed entry.
    """
    patterns = parse_patterns(context.args.get("match_patterns"))
    if not efivars.is_dir() or not any(efivars.iterdir()):
        return {"removed": [], "detail": "the machine was started in BIOS mode: no boot entries"}
    chosen = matching_entries(_efibootmgr(context, "--verbose"), patterns)
    for number in chosen:
        context.progress(Progress(phase="clean UEFI NVRAM", message=chosen[number]))
        _efibootmgr(context, "--bootnum", number, "--delete-bootnum", "--quiet")
    left = matching_entries(_efibootmgr(context, "--verbose"), patterns)
    if left:
        raise EraseError(
            f"the firmware still shows {'; '.join(list(left.values())[:_MOST_NAMED])}; its variable store may be read-only:"
            " reset its boot options in its set-up"
        )
    return {"removed": [clean_line(text, 300) for text in chosen.values()]}


def parse_patterns(value: Any) -> tuple[re.Pattern[str], ...]:
    """Return the patterns; ``None`` = the default ones.

    Raises:
        InvalidRequest: It is no list of regular expressions.
    """
    if value is None:
        value = DEFAULT_PATTERNS
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > _MOST_PATTERNS:
        raise InvalidRequest(f"match_patterns: give a list of at most {_MOST_PATTERNS} patterns")
    found = []
    for one in value:
        if not isinstance(one, str) or len(one) > _MOST_PATTERN_CHARS:
            raise InvalidRequest(
                f"match_patterns: {str(one)[:60]!r} is no text of at most {_MOST_PATTERN_CHARS} characters"
            )
        try:
            found.append(re.compile(one, re.IGNORECASE))
        except re.error as error:
            raise InvalidRequest(f"match_patterns: {one!r}: {error}") from error
    return tuple(found)


def matching_entries(text: str, patterns: Sequence[re.Pattern[str]]) -> Mapping[str, str]:
    """Return the numbers of the entries of ``efibootmgr --verbose`` whose device path matches, each with its line.

    The path follows a tabulator since efibootmgr 1; a line without one has no path and matches nothing.
    """
    found = {}
    for line in text.splitlines():
        entry = _ENTRY.match(line)
        if entry is None or "\t" not in entry[3]:
            continue
        path = entry[3].partition("\t")[2]
        if any(pattern.search(path) for pattern in patterns):
            found[entry[1]] = " ".join(line.split())
    return found


def _efibootmgr(context: StepContext, *arguments: str) -> str:
    try:
        return context.tools.runner.run("efibootmgr", *arguments, timeout_s=_TIMEOUT_S).stdout
    except AgentError as error:
        raise EraseError(f"the firmware's boot entries: {error}") from error


FIRMWARE_MEMORY_STEPS = (
    Step(name="erase_pstore", interface="deploy", priorities={Phase.CLEAN: 0}, run=erase_pstore),
    Step(
        name="clean_uefi_nvram",
        interface="deploy",
        priorities={Phase.CLEAN: 0, Phase.DEPLOY: 0},
        run=clean_uefi_nvram,
        args={
            "match_patterns": ArgInfo(
                description="Regular expressions; entries whose device path one of them is found in are removed"
            )
        },
    ),
)
