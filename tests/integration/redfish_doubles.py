"""The laboratory's Redfish BMC without a QEMU machine behind it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests

from tests.integration.bmc_doubles import Chassis
from tests.lab.errors import LabError
from tests.lab.hardware import BootOverride
from tests.lab.http_server import HttpServer
from tests.lab.network import Network
from tests.lab.redfish.bmc import RedfishBmc
from tests.lab.redfish.facts import Drive, Facts, SecureBoot

UUID = "7f1c4b1e-8a44-4f6b-9a77-0b6a0f1d2c3e"


@dataclass(slots=True)
class RedfishMachine(Chassis):
    """A machine that is its power state, its boot flags, and what is in its slots."""

    boots: int = 0
    media: dict[str, bytes] = field(default_factory=dict)
    secure_boot: SecureBoot = field(default_factory=lambda: SecureBoot(possible=True))
    drives: int = 2
    uuid: str = UUID
    macs: tuple[str, ...] = ("52:54:00:00:00:01", "52:54:00:00:00:02")

    def power_on(self) -> None:
        if not self.is_on:
            self.is_on = True
            self._start()

    def reset(self) -> None:
        if not self.is_on:
            raise LabError("the machine is off")
        self._start()

    def facts(self) -> Facts:
        return Facts(
            name=self.name,
            uuid=self.uuid,
            is_on=self.is_on,
            boots=self.boots,
            override=self.boot_override,
            macs=self.macs,
            drives=tuple(
                Drive(
                    serial=f"{self.name}SN{n}" if self.name != "m1" else f"SN{n}",
                    size_bytes=4 << 30,
                    protocol="SATA",
                )
                for n in range(self.drives)
            ),
            secure_boot=self.secure_boot,
        )

    def set_override(self, override: BootOverride | None) -> None:
        self.boot_override = override

    def insert_medium(self, slot: str, image: Path) -> None:
        self.media[slot] = image.read_bytes()

    def eject_medium(self, slot: str) -> None:
        del self.media[slot]

    def set_secure_boot(self, *, enabled: bool, keys: bool) -> None:
        self.secure_boot = replace(self.secure_boot, enabled=enabled, keys=keys)

    def _start(self) -> None:
        self.boots += 1
        self.secure_boot = replace(self.secure_boot, running=self.secure_boot.enabled)
        if self.boot_override and not self.boot_override.persistent:
            self.boot_override = None


@dataclass(frozen=True, slots=True)
class RedfishLab:
    """A machine with the laboratory's Redfish BMC, and a file server beside it."""

    machine: RedfishMachine
    bmc: RedfishBmc
    network: Network
    http: HttpServer
    other: RedfishMachine
    """A machine that the BMC is not for, until ``bmc.add(other)``."""

    @contextmanager
    def as_new(self) -> Iterator["RedfishLab"]:
        """Give it without faults, its machine off, inside its network; the next test finds no faults either."""
        self.bmc.set_faults()
        self.machine.power_off()
        self.machine.boot_override = None
        with self.network.inside():
            yield self
            self.bmc.set_faults()

    def client(self) -> "Client":
        """Return a plain client with the BMC's password; use it inside the network."""
        return Client(self.bmc)


class Client:
    """Asks a BMC with basic authentication, its certificate verified."""

    def __init__(self, bmc: RedfishBmc) -> None:
        self.url = bmc.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.auth = (bmc.username, bmc.password)
        self.session.verify = str(bmc.certificate)

    def ask(
        self, method: str, path: str, document: object = None, **words: object
    ) -> requests.Response:
        if not path.startswith("/redfish"):
            path = f"/redfish/v1/{path}"
        arguments = {"json": document, "timeout": 20, **words}
        return self.session.request(method, self.url + path, **arguments)  # type: ignore[arg-type]

    def get(self, path: str, **words: object) -> dict[str, Any]:
        answer = self.ask("GET", path, **words)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json()
        return document


def other_machine() -> RedfishMachine:
    """Return a machine that is another one than the laboratory's first."""
    return RedfishMachine(
        name="m2",
        uuid="0d8c1a34-52b9-4c2f-8a0e-3c1f6f9d7b21",
        macs=("52:54:00:00:00:11", "52:54:00:00:00:12"),
        drives=3,
    )


@contextmanager
def redfish_lab(directory: Path) -> Iterator[RedfishLab]:
    """Give a machine whose Redfish BMC is in a network namespace of its own."""
    network = Network(scratch=directory)
    try:
        machine = RedfishMachine()
        bmc = RedfishBmc(
            machine,
            network,
            address=network.address(20),
            log=directory / "redfish.log",
            folder=directory / "redfish",
        )
        try:
            with HttpServer(network.listen(network.gateway)) as http:
                yield RedfishLab(machine, bmc, network, http, other_machine())
        finally:
            bmc.remove()
    finally:
        network.close()


def driver_info(lab: RedfishLab, **changes: object) -> dict[str, Any]:
    """Return what a node says of the BMC, with changes."""
    return {
        "redfish_address": lab.bmc.address,
        "redfish_username": lab.bmc.username,
        "redfish_password": lab.bmc.password,
        "redfish_verify_ca": str(lab.bmc.certificate),
        **changes,
    }


def words_of(answer: requests.Response) -> str:
    """Return the identifier of the first message in a refusal."""
    words: str = answer.json()["error"]["@Message.ExtendedInfo"][0]["MessageId"]
    return words.rsplit(".", 1)[-1]


def finished(client: Client, answer: requests.Response) -> dict[str, Any]:
    """Follow a task to its end and return it."""
    assert answer.status_code == 202, answer.text
    monitor = answer.headers["Location"]
    while client.ask("GET", monitor).status_code == 202:
        time.sleep(0.05)
    return client.get(f"TaskService/Tasks/{monitor.rsplit('/', 1)[-1]}")
