"""What the agent double (:mod:`tests.integration.agent_double`) offers and does; values only."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

THIEF = "127.0.0.66"
"""Another address of this host: a stranger on the machines' network."""
GENERIC_STEPS = {
    "clean": [
        {
            "step": "erase_devices",
            "priority": 10,
            "interface": "deploy",
            "reboot_requested": False,
            "abortable": True,
        },
        {
            "step": "erase_devices_metadata",
            "priority": 99,
            "interface": "deploy",
            "reboot_requested": False,
            "abortable": True,
        },
    ],
    "deploy": [
        {
            "step": "write_image",
            "priority": 0,
            "interface": "deploy",
            "reboot_requested": False,
        },
    ],
}
RECEIPT = {
    "image": "http://web/user.qcow2",
    "digest": "sha256:" + "7" * 64,
    "format": "qcow2",
    "disk": "/dev/sda",
    "serial": "S3RIAL",
    "wwn": "0x5000c500",
    "image_bytes": 400_000_000,
    "content_bytes": 2_000_000_000,
    "written_bytes": 900_000_000,
    "zeroed_bytes": 1_100_000_000,
    "seconds": 20.0,
    "rate_bytes_per_s": 1e8,
    "verified": "sample",
    "compared_bytes": 2_621_440,
    "phases": [{"phase": "write", "seconds": 19.0, "bytes_done": 400_000_000}],
    "warnings": ["the disk is complete, but this system does not see it so: sda1 is missing"],
}
"""What an agent of ours says of an image that it has written."""


@dataclass(kw_only=True)
class Behaviour:
    """What the agent does; a test changes it at any time."""

    steps: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: GENERIC_STEPS)
    seconds: dict[str, float] = field(default_factory=dict)
    """How long a step or command takes by its name; others end at once."""
    failures: dict[str, str] = field(default_factory=dict)
    """What a step or command fails with."""
    results: dict[str, Any] = field(default_factory=dict)
    """What a step answers by its name; others answer nothing."""
    endings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What a step or command ends with, field by field, whatever else it would have ended with."""
    stoppable: set[str] = field(default_factory=set)
    """Steps that say that they can be stopped; an agent that stops none answers ``DELETE`` like the real one."""
    ignores_stop: bool = False
    """Say yes to ``DELETE`` and go on."""
    boot_s: float = 0.0
    calls_back: bool = True
    versions: list[str] = field(default_factory=lambda: ["1"])
    """Hardware manager version by boot; the last one stays."""
    tls: tuple[str, str] | None = None
    """Paths of certificate and key."""
    switches_itself_off: bool = True
    unknown: set[str] = field(default_factory=set)
    """Commands that the agent does not know."""
    on_kexec: Callable[[Any], None] | None = None
    """What happens with the agent when it starts the deployed system; ``None`` = that runs, and the agent is gone."""
    starts_without_a_word: bool = False
    """Do not tell the controller before ``on_kexec``: it died, or nobody hears it."""
    lost_answers: int = 0
    """So many boots, from now on, lose the answer to their first lookup."""
    robbed_boots: int = 0
    """So many boots, from now on, find that somebody else (``THIEF``) has asked for their token first."""
    inspection: dict[str, Any] | None = None
    """What an inspection finds; the machine then asks what to boot and obeys the kernel arguments."""
