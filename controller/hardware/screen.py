"""How a console interface has a machine's screen brought, and what brings it: plug-ins of the entry point group ``ingot.screens``.

A screen is spoken to by RFB, the protocol of VNC (RFC 6143). Who brings one gets what a console container of Ironic gets: the name of an
application (``APP``) and what it needs to know of the BMC (``APP_INFO``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from controller.hardware.interface import Facts

GROUP = "ingot.screens"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenWish:
    """Whose screen is wanted; two that are equal are served by the same one."""

    node_uuid: str
    provider: str
    """Name of the plug-in; empty = that of the setting ``console_screen_provider``."""
    application: str
    """Ironic's name of what shows the console, such as ``redfish-graphical``."""
    information: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What it needs to know, with secrets; Ironic's ``app_info``."""
    driver_info: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Those keys that the plug-in has among its properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """A screen that is there."""

    host: str = ""
    """Name or address; empty where ``path`` is set."""
    port: int = 0
    path: str = ""
    """A Unix socket."""
    is_trusted: bool = False
    """The operator chose the place, so it may be on this machine."""
    password: str = field(default="", repr=False)
    """For VNC's own authentication; empty = none is wanted."""
    lifetime_s: float | None = None
    """After so long it is not used any more, and is stopped."""

    @property
    def where(self) -> str:
        """What messages call it."""
        return self.path or (f"[{self.host}]" if ":" in self.host else self.host) + f":{self.port}"


class ProvidesScreens(Protocol):
    """A plug-in; its class may have ``from_settings``. Many threads call it, for one node one at a time."""

    properties: Mapping[str, str]
    """The keys of ``driver_info`` that it reads, each with a help text."""

    def validate(self, wish: ScreenWish) -> None:
        """Refuse (``Invalid``) what it cannot bring; asks nobody."""

    def start(self, wish: ScreenWish, *, timeout_s: float) -> Screen:
        """Bring the screen, or find it; what an earlier one of the node has left is replaced.

        Raises:
            ControllerError: Says why it cannot.
        """

    def stop(self, wish: ScreenWish, *, timeout_s: float) -> None:
        """Let go of it; it may be gone already. After a crash of the controller ``wish`` knows the node alone. Raises as ``start``."""


@runtime_checkable
class OpensScreen(Protocol):
    """A console interface whose consoles are screens."""

    def screen_wish(self, facts: Facts) -> ScreenWish:
        """Return what is to be brought; asks nobody.

        Raises:
            Invalid: ``driver_info`` lacks something.
        """
