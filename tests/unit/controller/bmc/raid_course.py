"""A RAID step with a BMC that carries orders out as a test wants, by a clock of its own."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.protocol.raid.placing import PhysicalDrive
from controller.bmc.redfish_raid_plan import Action
from controller.bmc.redfish_raid_steps import raid_steps
from controller.bmc.redfish_storage import Store, Volume
from controller.bmc.redfish_task import TaskLook
from controller.errors import BmcError, BmcUnreachable
from controller.hardware.bmc import NODE, BmcStepLook

GB = 1 << 30
PATH = "/s/1/Volumes"
DRIVES = tuple(
    PhysicalDrive(
        ident=str(n), size_bytes=100 * GB, is_rotational=False, interface="sas", serial=f"S{n}"
    )
    for n in range(4)
)
ONE = {"logical_disks": [{"raid_level": "1", "size_gb": 50}]}
LOOK_S, SETTLES_S, STARTS_S = 5.0, 180.0, 900.0


def volume(ident: str, *drives: str, **facts: Any) -> Volume:
    return Volume(
        **{
            "path": f"{PATH}/{ident}",
            "name": "",
            "said": "RAID1",
            "level": "1",
            "is_raid": True,
            "size_bytes": 50 * GB,
            "drives": drives or ("/d/0", "/d/1"),
            **facts,
        }
    )


RAW = volume("raw", "/d/0", said="RawDevice", level=None, is_raid=False)
STANDS = volume("7", wwn="0x7")


@dataclass
class Bmc:
    """Carries orders out at once; what a test wants otherwise it changes."""

    standing: list[Volume] = field(default_factory=list)
    listed: Callable[[list[Volume]], Sequence[Volume]] = tuple
    jobs: dict[str, TaskLook] = field(default_factory=dict)
    orders: list[str] = field(default_factory=list)
    apply_times: tuple[str, ...] = ("Immediate",)
    answer: Callable[["Bmc", Action], str | None] | None = None
    is_silent: bool = False
    has_storage: bool = True

    def stores(self, *, timeout_s: float) -> Sequence[Store]:
        self.speak()
        if not self.has_storage:
            return ()
        return (
            Store(
                name="R",
                path="/s/1",
                drives=DRIVES,
                paths={one.ident: f"/d/{one.ident}" for one in DRIVES},
                levels=("0", "1"),
                collection=PATH,
                volumes=tuple(self.standing),
                apply_times=self.apply_times,
            ),
        )

    def volumes(self, collection: str, *, timeout_s: float) -> Sequence[Volume] | None:
        self.speak()
        return self.listed(self.standing)

    def is_there(self, volume: str, *, timeout_s: float) -> bool:
        self.speak()
        return any(one.path == volume for one in self.standing)

    def tasks(self, *, timeout_s: float) -> Sequence[str]:
        self.speak()
        return tuple(self.jobs)

    def look_at(self, task: str, *, timeout_s: float) -> TaskLook:
        self.speak()
        return self.jobs[task]

    def refusal(self, what: str, why: str) -> BmcError:
        return BmcError(f"{what}: {why}")

    def speak(self) -> None:
        if self.is_silent:
            raise BmcUnreachable("did not answer in time")

    def carry_out(self, action: Action, *, timeout_s: float) -> str | None:
        self.orders.append(action.delete or "make")
        if self.answer:
            return self.answer(self, action)
        self.do(action)
        return None

    def do(self, action: Action) -> None:
        left = [one for one in self.standing if one.path != action.delete]
        new = [volume(str(len(self.orders)), *action.drives)] if action.delete is None else []
        self.standing = left + new


@dataclass
class Course:
    """A step with a BMC, looked at by a clock of its own."""

    bmc: Bmc
    name: str = "create_configuration"
    target: Mapping[str, Any] = field(default_factory=lambda: ONE)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    recorded: Mapping[str, Any] = field(default_factory=dict)
    now: float = 1e9
    starts: list[float] = field(default_factory=list)
    states: list[str] = field(default_factory=list)
    """Of every look, as another controller would find it."""

    def begin(self) -> BmcStepLook:
        (self.step,) = [one for one in raid_steps() if one.name == self.name]
        node = {"target_raid_config": self.target, "raid_config": self.recorded, "properties": {}}
        return self.step.begin(self.bmc, {**self.arguments, NODE: node}, 10.0)

    def look(self, before: BmcStepLook) -> BmcStepLook:
        self.now += LOOK_S
        self.states.append(json.dumps(before.state))
        found = self.step.look(self.bmc, json.loads(self.states[-1]), 10.0)
        if found.restarts:
            self.starts.append(self.now)
        return found

    def run(
        self, until: Callable[[BmcStepLook], bool] = lambda look: look.state is None
    ) -> BmcStepLook:
        """Look until something is so; an hour is long enough for everything here."""
        look, ends_at = self.begin(), self.now + 3600
        return self.go_on(look, until, ends_at)

    def go_on(
        self, look: BmcStepLook, until: Callable[[BmcStepLook], bool], ends_at: float
    ) -> BmcStepLook:
        while not until(look):
            assert self.now < ends_at, look.message
            look = self.look(look)
        return look
