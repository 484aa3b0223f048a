"""The provider ``vnc``: the screen is at an address that ``driver_info`` names, as of a virtual machine of QEMU or libvirt, or a KVM switch with VNC."""

from collections.abc import Mapping
from types import MappingProxyType

from controller.bmc.address import parse_address
from controller.bmc.driver_info_values import number, text
from controller.errors import Invalid
from controller.hardware.screen import Screen, ScreenWish

PROPERTIES: Mapping[str, str] = MappingProxyType(
    {
        "vnc_address": "Name or address of what serves the machine's screen by VNC; not the controller itself. Required.",
        "vnc_port": "Its port. Default: 5900.",
        "vnc_password": "The password of VNC's own authentication, of which 8 characters count. Optional.",
    }
)
_PORT = 5900
_HIGHEST_PORT = 65535
_MOST_PASSWORD_BYTES = 64


class ScreenByAddress:
    """See :class:`controller.hardware.screen.ProvidesScreens`."""

    properties = PROPERTIES

    def validate(self, wish: ScreenWish) -> None:
        """Refuse what names no place."""
        _screen(wish)

    def start(self, wish: ScreenWish, *, timeout_s: float) -> Screen:  # noqa: ARG002  # nobody is asked
        """Return the place."""
        return _screen(wish)

    def stop(self, wish: ScreenWish, *, timeout_s: float) -> None:
        """Do nothing: nothing was begun."""


def _screen(wish: ScreenWish) -> Screen:
    info = dict(wish.driver_info)
    written = text(info, "vnc_address")
    if not written:
        raise Invalid(
            "driver_info/vnc_address is missing; give the name or address of what serves the screen by VNC"
        )
    address = parse_address(written, "vnc_address")
    port = number(info, "vnc_port", default=_PORT, lowest=1, highest=_HIGHEST_PORT)
    password = text(info, "vnc_password", max_bytes=_MOST_PASSWORD_BYTES)
    return Screen(host=address.host, port=address.port or port, password=password)
