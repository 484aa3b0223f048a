"""The ways to a BMC that are held against each other: our two drivers, the program ipmitool, and sushy as it comes."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sushy
import urllib3

from controller.bmc.ipmi import IpmiDriver
from controller.bmc.redfish import RedfishDriver
from controller.bmc.redfish_sessions import Sessions
from tests.bench.bmcs.plan import SYSTEM, Protocol

LOOK, SWITCH_ON = "get power state", "power on"
_TIMEOUT_S = 30.0
Call = Callable[[Mapping[str, Any], str], None]
"""Makes one call (``LOOK``, ``SWITCH_ON``) to the BMC that a ``driver_info`` describes; raises where it fails."""

OUR_IPMI, IPMITOOL = "ingot ipmi", "ipmitool per call"
OUR_REDFISH, SUSHY = "ingot redfish", "sushy per call"
PROTOCOLS: Mapping[str, Protocol] = {
    OUR_IPMI: Protocol.IPMI,
    IPMITOOL: Protocol.IPMI,
    OUR_REDFISH: Protocol.REDFISH,
    SUSHY: Protocol.REDFISH,
}


@contextlib.contextmanager
def driver(name: str) -> Iterator[Call]:
    """Give the driver of that name; its sessions end with the block."""
    match name:
        case "ingot ipmi" | "ingot redfish":
            made = IpmiDriver() if name == OUR_IPMI else RedfishDriver(Sessions())
            try:
                yield _ours(made)
            finally:
                made.close()
        case "ipmitool per call":
            yield _ipmitool
        case _:
            yield _sushy


def _ours(made: IpmiDriver | RedfishDriver) -> Call:
    def call(info: Mapping[str, Any], what: str) -> None:
        bmc = made.connect(dict(info))
        if what == LOOK:
            bmc.power_state(timeout_s=_TIMEOUT_S)
        else:
            bmc.power_on(timeout_s=_TIMEOUT_S)

    return call


def _ipmitool(info: Mapping[str, Any], what: str) -> None:
    """Start the program as Ironic does, with its settings for trying again."""
    words = ("ipmitool", "-I", "lanplus", "-H", info["ipmi_address"], "-p", str(info["ipmi_port"]))
    login = ("-L", "ADMINISTRATOR", "-U", info["ipmi_username"], "-E", "-R", "7", "-N", "5")
    subprocess.run(
        (*words, *login, "power", "status" if what == LOOK else "on"),
        env={"PATH": os.environ["PATH"], "IPMI_PASSWORD": info["ipmi_password"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_TIMEOUT_S,
    )


def _sushy(info: Mapping[str, Any], what: str) -> None:
    """Log in, do it, log out."""
    urllib3.disable_warnings()
    login = sushy.auth.SessionAuth(info["redfish_username"], info["redfish_password"])
    root = sushy.Sushy(info["redfish_address"], auth=login, verify=info["redfish_verify_ca"])
    try:
        system = root.get_system(SYSTEM)
        if what == LOOK:
            _ = system.power_state
        elif system.power_state != sushy.PowerState.ON:
            system.reset_system(sushy.ResetType.ON)
    finally:
        with contextlib.suppress(sushy.exceptions.SushyError):
            login.close()
