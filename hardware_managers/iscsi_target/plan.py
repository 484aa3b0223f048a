"""What is made below ``/sys/kernel/config/target`` for an export, as steps. Pure.

Source: ``Documentation/target`` of Linux and its ``drivers/target/iscsi/iscsi_target_configfs.c``; CHAP both ways is RFC 1994.
Nothing is configured but the one login: no access without authentication, no initiators that make themselves known (demo mode).
"""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from agent.errors import ExportError
from agent.hardware.exporting import ExportWish

_DRIVER = "core/iblock_0"
BACKSTORE = f"{_DRIVER}/ingot"
_PORTAL_GROUP = "tpgt_1"
_NO_PINGS = "0"
"""LIO asks an idle initiator every 15 s whether it is there. libiscsi answers only while it is at a command, and gives the session up where
its answer and a command cross ("outqueue[0]->cmdsn < expcmdsn", 1.19)."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder is made, by which the kernel makes the object."""

    path: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A value is written; a secret one is not told."""

    path: str
    value: str
    is_secret: bool = False

    def __repr__(self) -> str:
        """Show no secret."""
        return f"Setting({self.path!r}, {'***' if self.is_secret else repr(self.value)})"


@dataclass(frozen=True, slots=True)
class Link:
    """A link connects two objects."""

    path: str
    to: str


Step = Folder | Setting | Link


def plan_export(wish: ExportWish) -> tuple[Step, ...]:
    """Return the steps in their order; the target answers from the last one on.

    Raises:
        ExportError: The address is none.
    """
    return (*_disk(wish), *_target(wish))


def _disk(wish: ExportWish) -> Iterator[Step]:
    yield Folder(_DRIVER)
    yield Folder(BACKSTORE)
    yield Setting(f"{BACKSTORE}/control", f"udev_path={wish.disk}")
    yield Setting(f"{BACKSTORE}/udev_path", str(wish.disk))
    yield Setting(f"{BACKSTORE}/enable", "1")


def _target(wish: ExportWish) -> Iterator[Step]:
    target = f"iscsi/{wish.target}"
    group = f"{target}/{_PORTAL_GROUP}"
    unit = f"{group}/lun/lun_{wish.unit}"
    yield Folder("iscsi")
    yield Folder(target)
    yield Folder(group)
    yield Setting(f"{group}/attrib/authentication", "1")
    yield Setting(f"{group}/attrib/generate_node_acls", "0")
    yield Folder(unit)
    yield Link(f"{unit}/disk", BACKSTORE)
    yield from _access(wish, f"{group}/acls/{wish.login.initiator}", unit)
    yield Folder(f"{group}/np/{portal(wish.address, wish.port)}")
    yield Setting(f"{group}/enable", "1")


def _access(wish: ExportWish, access: str, unit: str) -> Iterator[Step]:
    login = wish.login
    yield Folder(access)
    yield Setting(f"{access}/auth/userid", login.username)
    yield Setting(f"{access}/auth/password", login.password, is_secret=True)
    yield Setting(f"{access}/auth/userid_mutual", login.target_username)
    yield Setting(f"{access}/auth/password_mutual", login.target_password, is_secret=True)
    yield Setting(f"{access}/attrib/nopin_timeout", _NO_PINGS)
    yield Folder(f"{access}/lun_{wish.unit}")
    yield Link(f"{access}/lun_{wish.unit}/disk", unit)


def portal(address: str, port: int) -> str:
    """Return an address and a port as LIO and iSCSI write them.

    Raises:
        ExportError: The address is none.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError as error:
        raise ExportError(f"{address[:100]!r} is no IP address to export a disk on") from error
    return f"[{found}]:{port}" if found.version == 6 else f"{found}:{port}"  # noqa: PLR2004  # IPv6
