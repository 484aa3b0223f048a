"""The BMCs of the benchmark: which there are, what is wrong with each, and how a client finds them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

ADDRESS = "127.2.0.1"
"""Of all BMCs; each has a port of its own, so that one certificate is right for all."""
_FIRST_PORTS = {"ipmi": 16000, "redfish": 24000}
"""Below the ports that Linux gives to clients (``ip_local_port_range``)."""
USERNAME = "admin"
PASSWORD = "bench-password"
SYSTEM = "/redfish/v1/Systems/1"


class Protocol(StrEnum):
    """What a BMC speaks."""

    IPMI = "ipmi"
    REDFISH = "redfish"


class Fault(StrEnum):
    """What is wrong with a BMC."""

    NONE = "none"
    DEAD = "dead"
    """Takes packets or connections, and says nothing."""
    SLOW = "slow"
    """Answers each packet or request a second late."""
    LOSSY = "lossy"
    """Loses a tenth of the packets that come; a Redfish BMC answers every tenth request five seconds late."""
    WRONG_PASSWORD = "wrong password"
    """Refuses the login that the controller has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchBmc:
    """One BMC; ``number`` from 0 within its protocol."""

    number: int
    protocol: Protocol
    fault: Fault = Fault.NONE

    @property
    def port(self) -> int:
        """Return its UDP or TCP port."""
        return _FIRST_PORTS[self.protocol] + self.number

    @property
    def name(self) -> str:
        """Return what its node is called."""
        return f"{self.protocol}-{self.number}"

    def driver_info(self, certificate: str) -> dict[str, Any]:
        """Return how a controller reaches it; ``certificate`` is the path of what Redfish BMCs are trusted by."""
        password = "another" if self.fault is Fault.WRONG_PASSWORD else PASSWORD
        if self.protocol is Protocol.IPMI:
            return {
                "ipmi_address": ADDRESS,
                "ipmi_port": self.port,
                "ipmi_username": USERNAME,
                "ipmi_password": password,
            }
        return {
            "redfish_address": f"https://{ADDRESS}:{self.port}",
            "redfish_username": USERNAME,
            "redfish_password": password,
            "redfish_verify_ca": certificate,
        }


def well_bmcs(protocol: Protocol, count: int) -> tuple[BenchBmc, ...]:
    """Return so many BMCs with which nothing is wrong."""
    return tuple(BenchBmc(number=number, protocol=protocol) for number in range(count))


_OF_A_HUNDRED: Mapping[Fault, int] = {
    Fault.DEAD: 10,
    Fault.SLOW: 4,
    Fault.LOSSY: 4,
    Fault.WRONG_PASSWORD: 2,
}


def mixed_bmcs(count: int) -> tuple[BenchBmc, ...]:
    """Return so many BMCs, half of each protocol, with faults spread evenly: of a hundred 10 dead, 4 slow, 4 lossy, 2 with another password."""
    faults = fault_row()
    protocols = tuple(Protocol)
    return tuple(
        BenchBmc(
            number=number // 2,
            protocol=protocols[number % 2],
            fault=faults[number // 2 % len(faults)],
        )
        for number in range(count)
    )


def fault_row() -> Sequence[Fault]:
    """Return the faults of fifty BMCs of one protocol in a row; the ones that are well stand between the others."""
    ill = [fault for fault, share in _OF_A_HUNDRED.items() for _ in range(share // 2)]
    row = [Fault.NONE] * 50
    for index, fault in enumerate(ill):
        row[index * 5] = fault
    return row
