"""What ``driver_info`` says about a host of virtual machines that is reached by SSH; the keys are those of Ironic's old ``ssh`` driver. Pure."""

import re
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.address import parse_address
from controller.bmc.driver_info_values import choice, number, text
from controller.errors import Invalid

_PORT = 22
_HIGHEST_PORT = 65535
_MOST_KEY_BYTES = 16 << 10
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}")
_HOST_KEY = re.compile(r"(?:ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}(?: .*)?")
"""A line of a file of public keys (sshd(8), AUTHORIZED_KEYS FILE FORMAT), without options."""

PROPERTIES: dict[str, str] = {
    "ssh_address": "IP address or host name of the machine that has the virtual machines, with its port if it is not 22. Required.",
    "ssh_username": "User there. Required.",
    "ssh_virt_type": "virsh (libvirt) or vbox (VirtualBox). Required.",
    "ssh_port": "TCP port; default 22.",
    "ssh_key_filename": "File on the controller with the private key. One of the next three is required.",
    "ssh_key_contents": "The private key itself.",
    "ssh_password": "The user's password.",
    "ssh_host_key": "Public key of the host, as in its /etc/ssh/ssh_host_ed25519_key.pub; default: the known hosts of the controller's user.",
}
"""``driver_info`` keys with a help text each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """One host and how to log in; the secrets do not show in ``repr``."""

    address: str
    port: int
    username: str
    virt_type: str
    """``virsh`` or ``vbox``."""
    key_filename: str
    """Empty = none."""
    key_contents: str = field(repr=False)
    password: str = field(repr=False)
    host_keys: tuple[str, ...]
    """Empty = those that the controller's user knows."""

    @property
    def where(self) -> str:
        """Return the host as messages name it."""
        return f"{self.username}@{self.address} port {self.port}"


def parse_target(driver_info: dict[str, Any]) -> SshTarget:
    """Read a node's ``driver_info``.

    Raises:
        Invalid: A key is missing or malformed; the message names it and gives an example.
    """
    written = text(driver_info, "ssh_address")
    if not written.strip():
        raise Invalid(
            "driver_info/ssh_address is missing: give the host's address, for example 192.0.2.30"
        )
    address = parse_address(written, "ssh_address")
    username = text(driver_info, "ssh_username")
    if not _USER.fullmatch(username):
        raise Invalid(
            f"driver_info/ssh_username is {username[:40]!r}; give the user's name, for example ingot"
        )
    if not driver_info.get("ssh_virt_type"):
        raise Invalid("driver_info/ssh_virt_type is missing: give virsh or vbox")
    return SshTarget(
        address=address.host,
        port=number(
            driver_info, "ssh_port", default=address.port or _PORT, lowest=1, highest=_HIGHEST_PORT
        ),
        username=username,
        virt_type=choice(driver_info, "ssh_virt_type", ("VIRSH", "VBOX"), "").lower(),
        **_login(driver_info),
        host_keys=public_keys(driver_info, "ssh_host_key"),
    )


def _login(info: dict[str, Any]) -> dict[str, str]:
    found = {
        "key_filename": text(info, "ssh_key_filename", max_bytes=1024),
        "key_contents": text(info, "ssh_key_contents", max_bytes=_MOST_KEY_BYTES),
        "password": text(info, "ssh_password", max_bytes=1024),
    }
    given = [key for key, value in found.items() if value]
    if len(given) != 1:
        what = " and ".join(f"ssh_{key}" for key in given) or "none of them"
        raise Invalid(
            f"driver_info has {what}; give exactly one of ssh_key_filename, ssh_key_contents and ssh_password"
        )
    if "\n" in found["key_filename"] or "\n" in found["password"]:
        raise Invalid(f"driver_info/ssh_{given[0]} has more than one line; write it as one")
    return found


def public_keys(
    info: dict[str, Any], name: str, max_bytes: int = _MOST_KEY_BYTES
) -> tuple[str, ...]:
    """Return the public keys of a host that ``driver_info`` has under this name, one a line; empty = none.

    Raises:
        Invalid: A line is none.
    """
    lines = text(info, name, max_bytes=max_bytes).splitlines()
    keys = tuple(line.strip() for line in lines if line.strip())
    for key in keys:
        if not _HOST_KEY.fullmatch(key):
            raise Invalid(
                f"driver_info/{name} has the line {key[:60]!r}, which is no public key; give a line as ssh-keyscan prints it,"
                " without the host: ssh-ed25519 AAAA..."
            )
    return keys
