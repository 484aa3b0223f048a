"""What the deployed system must show on its serial console for the demonstration to count as a success."""

import re
from dataclasses import dataclass

from tests.lab.demo.keys import SshKey
from tests.lab.errors import LabError
from tests.lab.machine import Machine

_READY = re.compile(
    r"INGOT-OS-READY hostname=(?P<hostname>\S+) keys=(?P<keys>\d+) fingerprint=(?P<fingerprint>\S+)"
    r" booted_from=\S+ firmware=(bios|uefi)$"  # to its end: the line arrives in pieces
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The lines of the console that show it."""

    ready_line: str
    prompt_line: str


def wait_for_system(
    machine: Machine, *, hostname: str, key: SshKey, since: int, timeout_s: float
) -> Proof:
    """Wait for the deployed system's own report and its login prompt.

    Raises:
        LabError: It did not come within ``timeout_s`` seconds, or the host name or the key is not the config drive's.
    """
    ready = machine.console.wait_for(_READY.pattern, timeout_s=timeout_s, since=since)
    prompt = machine.console.wait_for(
        rf"{re.escape(hostname)} login:", timeout_s=timeout_s, since=since
    )
    said = _READY.search(ready.text)
    if said is None or said["hostname"] != hostname:
        raise LabError(
            f"{machine.name}: the config drive's host name {hostname!r} did not arrive: {ready.text}"
        )
    if said["fingerprint"] != key.fingerprint:
        raise LabError(
            f"{machine.name}: the SSH key {key.fingerprint} did not arrive: {ready.text}"
        )
    return Proof(ready_line=ready.text.strip(), prompt_line=prompt.text.strip())
