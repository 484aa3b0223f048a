"""The console interfaces whose consoles are screens: Ironic's ``redfish-graphical`` and ``fake-graphical``, and ``vnc``, which is ours.

Nothing is begun when a console is switched on: a screen is brought when the first browser wants to see it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.bmc.redfish_target import PROPERTIES as REDFISH_PROPERTIES
from controller.bmc.redfish_target import parse_target
from controller.errors import Invalid
from controller.hardware.interface import Facts
from controller.hardware.screen import ScreenWish
from controller.screens.by_address import PROPERTIES as VNC_PROPERTIES
from controller.screens.by_address import ScreenByAddress

SCREEN = "vnc"
"""What Ironic's ``console_info`` calls a graphical console."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenConsole:
    """See :class:`controller.hardware.interface.ConsoleInterface` and :class:`controller.hardware.screen.OpensScreen`."""

    application: str
    provider: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    tell: Callable[[Facts], Mapping[str, Any]] = lambda _facts: {}
    """Returns what the application needs to know; raises ``Invalid``."""
    check: Callable[[ScreenWish], None] = lambda _wish: None

    def validate(self, facts: Facts) -> None:
        """Refuse what lacks something."""
        self.check(self.screen_wish(facts))
        if not self.provider and not facts.settings.console_screen_provider:
            raise Invalid(
                "nothing brings the screen: the setting console_screen_provider is empty; set it (docs/how-to/use-graphical-consoles.md),"
                " or set console_interface to vnc where the machine's host has VNC"
            )

    def start(self, facts: Facts) -> None:
        """Begin nothing."""

    def stop(self, facts: Facts) -> None:
        """End nothing here: the controller that owns the node sees its row."""

    def information(self, facts: Facts) -> Mapping[str, Any]:
        """Return where the page is; the API adds the word that opens it."""
        return {"type": SCREEN, "url": page_path(facts.node.uuid)}

    def screen_wish(self, facts: Facts) -> ScreenWish:
        """Return what is to be brought."""
        info = facts.driver_info
        return ScreenWish(
            node_uuid=facts.node.uuid,
            provider=self.provider,
            application=self.application,
            information=self.tell(facts),
            driver_info={key: info[key] for key in VNC_PROPERTIES if key in info},
        )


def page_path(node_uuid: str) -> str:
    """Return where a node's screen is shown."""
    return f"/ui/screen.html?node={node_uuid}"


def _redfish(facts: Facts) -> Mapping[str, Any]:
    """Return what Ironic's ``parse_driver_info`` (39.0) gives its console container, which opens the BMC's own page with it."""
    target = parse_target(facts.driver_info)
    return {
        "address": target.url,
        "system_id": target.system,
        "username": target.username,
        "password": target.password,
        "verify_ca": target.verify,
        "auth_type": target.auth.lower(),
        "node_uuid": facts.node.uuid,
    }


REDFISH_GRAPHICAL = ScreenConsole(
    application="redfish-graphical", properties=dict(REDFISH_PROPERTIES), tell=_redfish
)
FAKE_GRAPHICAL = ScreenConsole(application="fake")
VNC = ScreenConsole(
    application="vnc",
    provider="vnc",
    properties=dict(VNC_PROPERTIES),
    check=ScreenByAddress().validate,
)
