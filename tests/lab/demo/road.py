"""The road of one node: enroll -> manageable -> available -> active -> login prompt, over the controller's REST API."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from controller.client.screen import Screen
from controller.client.times import Event, Marker, Row, event_of, rows, step_markers
from tests.lab.api_client import ApiClient, Document
from tests.lab.demo.keys import SshKey
from tests.lab.demo.proof import Proof, wait_for_system
from tests.lab.demo.timetable import boot_markers
from tests.lab.machine import Machine
from tests.lab.machine_event import EventKind

_MANAGE_TIMEOUT_S = 60
_CLEAN_TIMEOUT_S = 600
_DEPLOY_TIMEOUT_S = 1200
_FIRST_BOOT_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The system to deploy: its URL and the checksum that is published beside it."""

    url: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """What happened on the road; tables in seconds."""

    proof: Proof
    enrolled_to_prompt_s: float
    tables: dict[str, tuple[Row, ...]]


def deployed_name(machine: Machine) -> str:
    """Return the host name that the machine's config drive gives it."""
    return f"{machine.name}-deployed"


class Road:
    """Takes one machine all the way."""

    def __init__(
        self, machine: Machine, api: ApiClient, screen: Screen, document: Document
    ) -> None:
        """Prepare; ``document`` is what the node is created with."""
        self._machine = machine
        self._document = document
        self._api = api
        self._screen = screen
        self._marks: list[Marker] = []

    def travel(self, image: Image, key: SshKey) -> Journey:
        """Enroll, manage, provide, deploy, and wait for the deployed system.

        Raises:
            LabError: A state was not reached, or the system does not show what the config drive said.
        """
        name, start_s = self._machine.name, time.monotonic()
        self._enroll()
        self._go("manage", "manageable", _MANAGE_TIMEOUT_S, "manage (BMC answers)")
        before_cleaning = self._machine.console.mark()
        self._go("provide", "available", _CLEAN_TIMEOUT_S, "power off, states")
        before_deploying = self._machine.console.mark()
        self._api.set_image(name, image.url, image.sha256)
        hostname = deployed_name(self._machine)
        drive = {
            "meta_data": {
                "uuid": "8d1f2f9e-6f5c-4f0c-a3a5-1c3b4d5e6f70",
                "hostname": hostname,
                "name": hostname,
                "public_keys": {"demo": key.public},
            },
            "user_data": "#cloud-config\n{}\n",
        }
        self._go(
            "active",
            "active",
            _DEPLOY_TIMEOUT_S,
            "deploy: image, config drive, power",
            configdrive=drive,
        )
        proof = wait_for_system(
            self._machine,
            hostname=hostname,
            key=key,
            since=before_deploying,
            timeout_s=_FIRST_BOOT_TIMEOUT_S,
        )
        end_s = time.monotonic()
        self._screen.say(f"{name}: {proof.prompt_line}", style="bold green")
        return Journey(
            proof=proof,
            enrolled_to_prompt_s=end_s - start_s,
            tables=self._tables(start_s, before_cleaning, before_deploying),
        )

    def _enroll(self) -> None:
        macs = tuple(nic.mac for nic in self._machine.nics)
        node = self._api.create_node(self._document, macs=macs)
        self._screen.show(self._machine.name, node)

    def _go(self, verb: str, state: str, timeout_s: float, what: str, **more: object) -> None:
        name = self._machine.name
        self._api.provision(name, verb, **more)
        node = self._api.wait_for_state(
            name, state, timeout_s=timeout_s, on_look=lambda node: self._screen.show(name, node)
        )
        self._screen.show(name, node)
        self._marks.append(Marker(time_s=time.monotonic(), name=what))

    def _tables(self, start_s: float, cleaning: int, deploying: int) -> dict[str, tuple[Row, ...]]:
        """Cut the road at its states and mix in what console and machine saw."""
        manage, clean, deploy = self._marks
        lines = self._machine.console.lines
        cleaning_lines = [
            (line.time_s, line.text) for line in lines if cleaning <= line.number < deploying
        ]
        deploying_lines = [(line.time_s, line.text) for line in lines if line.number >= deploying]
        power_ons = [e.time_s for e in self._machine.events if e.kind is EventKind.POWER_ON]
        system_on_s = power_ons[-1]
        before_system = [line for line in deploying_lines if line[0] < system_on_s]
        after_system = [line for line in deploying_lines if line[0] >= system_on_s]

        steps = step_markers(self._history())

        def steps_between(first_s: float, last_s: float) -> list[Marker]:
            return [step for step in steps if first_s <= step.time_s < last_s]

        def switched_on(first_s: float, last_s: float) -> list[Marker]:
            times = [t for t in power_ons if first_s <= t < min(last_s, system_on_s)]
            return [Marker(time_s=t, name="to power-on") for t in times[:1]]

        return {
            "manage": rows(start_s, (manage,)),
            "clean": rows(
                manage.time_s,
                (
                    *switched_on(manage.time_s, clean.time_s),
                    *boot_markers(cleaning_lines, of_system=False),
                    *steps_between(manage.time_s, clean.time_s),
                    clean,
                ),
            ),
            "deploy": rows(
                clean.time_s,
                (
                    *switched_on(clean.time_s, deploy.time_s),
                    *boot_markers(before_system, of_system=False),
                    *steps_between(clean.time_s, system_on_s),
                    Marker(time_s=system_on_s, name="power-on of the system"),
                ),
            ),
            "first boot": rows(system_on_s, boot_markers(after_system, of_system=True)),
        }

    def _history(self) -> list[Event]:
        """Return the node's history on the clock of the console."""
        offset_s = time.monotonic() - time.time()
        events = map(event_of, self._api.history(self._machine.name))
        return [replace(event, time_s=event.time_s + offset_s) for event in events]


def read_checksum(file: Path) -> str:
    """Return the first word of a checksum file as ``sha256sum`` writes it."""
    return file.read_text(encoding="ascii").split()[0]
