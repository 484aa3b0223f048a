"""Makes and removes logical drives as they were planned, by whatever program knows the controller, and reads back what stands."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from agent.disks.release import StackReleaser
from agent.errors import AgentError, RaidError
from agent.hardware.devices import BlockDevice
from agent.hardware.raiding import RaidConfig, RaidPlan, RaidRequest
from agent.hardware.tools import ProgressSink, StepTools
from agent.hardware.writing import DiskReleaser
from agent.protocol.commands import Progress
from agent.protocol.raid.levels import JBOD
from agent.protocol.raid.logical_disks import GIB
from agent.protocol.raid.placing import PhysicalDrive, Planned, plan_drives
from agent.system.runner import Runner
from hardware_managers.vendor_raid.drives import LogicalDrive, NewDrive, RaidController
from hardware_managers.vendor_raid.tool import TIMEOUT_S, RaidTool
from hardware_managers.vendor_raid.wanted import parse_wanted

log = logging.getLogger(__name__)
_TOLERANCE = 0.02
"""Controllers round a size to their stripes, and programs round it when they print it."""
Plan = Planned[RaidController]
_Key = tuple[str, str]
"""A logical drive: the name of its controller and its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VendorPlan(RaidPlan):
    """The logical drives to be made, in this order; ``node`` is what they are for."""

    drives: tuple[Plan, ...]
    node: Mapping[str, Any]


class VendorRaid:
    """Implements :class:`agent.hardware.raiding.RaidConfigurator` for the controllers that ``tool`` knows."""

    def __init__(
        self, tool: RaidTool, runner: Runner, releaser: DiskReleaser | None = None
    ) -> None:
        """``releaser`` ``None`` = the one that the agent has for any disk."""
        self._tool = tool
        self._runner = runner
        self._releaser = releaser or StackReleaser(runner)

    @property
    def name(self) -> str:
        """See :class:`RaidConfigurator`."""
        return self._tool.name

    def controllers(self) -> Sequence[str]:
        """Return the names of the controllers that the program knows."""
        return tuple(one.name for one in self._tool.read())

    def plan(self, request: RaidRequest) -> VendorPlan:
        """Decide which drives; changes nothing.

        Raises:
            InvalidRequest: It cannot be done; the message names the logical disk and the field.
            RaidError: The controller does not answer.
        """
        wanted = parse_wanted(request.logical_disks, self._tool)
        now = self._tool.read()
        there = [one.name for one in now]
        for one in wanted:
            if one.controller not in there:
                raise one.refusal("controller", f"{one.controller!r:.60} is not there any more")
        if request.after_delete:
            now = tuple(_emptied(one, _kept_on(one, request)) for one in now)
        drives = plan_drives(wanted, now)
        lines = tuple(str(drive) for drive in drives)
        return VendorPlan(lines=lines, drives=drives, node=request.node)

    def create(self, plan: RaidPlan, tools: StepTools) -> RaidConfig:
        """Carry ``plan`` out; what was made is taken away again if it fails in the middle.

        Raises:
            RaidError: A logical drive was not made as planned; the message says what stands now.
        """
        if not isinstance(plan, VendorPlan):
            raise TypeError(f"a plan of {type(plan).__name__} is not one for {self.name}")
        made: list[tuple[Plan, LogicalDrive]] = []
        try:
            for planned in plan.drives:
                _tell(tools.progress, f"create {planned}")
                made.append((planned, self._make(planned)))
        except AgentError as error:
            raise self._undone(made, error) from error
        self._settle()
        roots = {(p.controller.name, drive.ident) for p, drive in made if p.wanted.is_root}
        return self._config(plan.node, roots)

    def _make(self, planned: Plan) -> LogicalDrive:
        """Order one logical drive and return it as it stands.

        Raises:
            RaidError: It does not stand, or is another one; what was made of it is taken away.
        """
        controller = self._controller(planned.controller.name)
        if not planned.has_it:
            self._tool.create(controller, _order(planned))
        after = self._controller(controller.name)
        before = set() if planned.has_it else {one.ident for one in controller.logical_drives}
        members = {drive.ident for drive in planned.drives}
        new = [one for one in after.logical_drives if one.ident not in before]
        if planned.has_it:
            new = [one for one in new if set(one.drives) == members]
        if not new:
            raise RaidError(
                f"{planned}: {self.name} was told to make it and it is not there; see the controller's log"
            )
        wrong = _differences(planned, new[0])
        if len(new) > 1:
            wrong = (f"{len(new)} logical drives appeared instead of one",)
        if wrong:
            for one in new:
                self._tool.delete(after, one)
            raise RaidError(f"{planned}: {'; '.join(wrong)}; it was removed again")
        return new[0]

    def _undone(self, made: Sequence[tuple[Plan, LogicalDrive]], cause: AgentError) -> RaidError:
        """Take away what was made; return the error that says so, and what is left."""
        left = []
        for planned, drive in reversed(made):
            if planned.has_it:
                continue
            if drive.level == JBOD:
                left.append(f"{drive.ident} is a plain disk now")
                continue
            try:
                self._remove(planned.controller, drive)
            except AgentError as error:
                left.append(f"{planned} could not be removed: {error}")
        stands = "; ".join(left) or "what was made before it was removed again"
        return RaidError(f"{self.name}: logical drives were not made: {cause}; {stands}")

    def delete(self, request: RaidRequest, tools: StepTools) -> RaidConfig:
        """Remove every logical drive that is no kept disk; plain disks (JBOD) stay what they are.

        Raises:
            RaidError: A drive has the configuration of another controller (nothing was changed), or something stands still.
            DiskInUse: Something on a logical drive is in use; it stands still.
        """
        now = self._tool.read()
        for controller in now:
            self._refuse_foreign(controller)
        for controller in now:
            kept = _kept_on(controller, request)
            for drive in controller.logical_drives:
                if drive.ident in kept or drive.level == JBOD:
                    continue
                _tell(tools.progress, f"delete {controller.name}: {drive.ident}")
                for disk in (one for one in request.disks if drive.is_on(one)):
                    held = [node for one in request.kept for node in one.nodes]
                    for text in self._releaser.release(disk.nodes, held):
                        log.info("ended", extra={"what": text})
                self._remove(controller, drive)
        self._settle()
        return self._config(request.node, set())

    def _refuse_foreign(self, controller: RaidController) -> None:
        foreign = [drive.ident for drive in controller.drives if drive.is_foreign]
        if foreign:
            raise RaidError(
                f"{controller.name}: the drives {', '.join(foreign)} hold the configuration of another"
                f" controller, which may be somebody's data; nothing was deleted."
                f" {self._tool.foreign_advice(controller)}"
            )

    def _remove(self, controller: RaidController, drive: LogicalDrive) -> None:
        """Remove one logical drive and see that it is gone."""
        self._tool.delete(controller, drive)
        after = self._controller(controller.name)
        if any(_same(one, drive) for one in after.logical_drives):
            raise RaidError(
                f"{controller.name}: the logical drive {drive.ident} is still there after {self.name}"
                " removed it; see the controller's log"
            )

    def read(self) -> RaidConfig:
        """Return what stands now; which is the root volume only the node's documents know."""
        return self._config({}, set())

    def attach(self, node: Mapping[str, Any]) -> tuple[BlockDevice, ...]:
        """Start nothing: the controller starts its logical drives, and the kernel shows them as disks."""
        del node
        return ()

    def _controller(self, name: str) -> RaidController:
        for one in self._tool.read():
            if one.name == name:
                return one
        raise RaidError(f"{self.name}: the controller {name} does not answer any more")

    def _settle(self) -> None:
        self._runner.run("udevadm", "settle", timeout_s=TIMEOUT_S, ok=(0, 1))

    def _config(self, node: Mapping[str, Any], roots: set[_Key]) -> RaidConfig:
        recorded = _recorded_roots(node)
        disks = [
            _describe(
                controller,
                one,
                is_root=(controller.name, one.ident) in roots or one.wwn in recorded,
            )
            for controller in self._tool.read()
            for one in controller.logical_drives
        ]
        return {"logical_disks": disks, "last_updated": datetime.now(UTC).isoformat()}


def _order(planned: Plan) -> NewDrive:
    """Return what the program is told."""
    return NewDrive(
        level=planned.wanted.level,
        drives=tuple(drive.ident for drive in planned.drives),
        size_bytes=planned.wanted.size_bytes,
        name=planned.wanted.name,
        is_added=planned.is_added,
    )


def _differences(planned: Plan, found: LogicalDrive) -> tuple[str, ...]:
    """Return in what a logical drive is not what was planned."""
    wanted = planned.wanted
    meant = sorted(drive.ident for drive in planned.drives)
    wrong = []
    if found.level != wanted.level.name:
        wrong.append(f"has level {found.level} instead of {wanted.level.name}")
    if sorted(found.drives) != meant:
        wrong.append(f"is on {', '.join(found.drives)} instead of {', '.join(meant)}")
    if (
        wanted.size_bytes
        and abs(found.size_bytes - wanted.size_bytes) > _TOLERANCE * wanted.size_bytes
    ):
        wrong.append(f"has {found.size_bytes} bytes instead of {wanted.size_bytes}")
    if wanted.name is not None and found.name != wanted.name:
        wrong.append(f"is called {found.name!r} instead of {wanted.name!r}")
    return tuple(wrong)


def _same(one: LogicalDrive, other: LogicalDrive) -> bool:
    """Tell whether two readings are of one drive; its number alone can have been given to a new one."""
    return one.ident == other.ident and one.wwn == other.wwn


def _kept_on(controller: RaidController, request: RaidRequest) -> frozenset[str]:
    """Return the logical drives that ``skip_block_devices`` protects."""
    kept = [one for one in controller.logical_drives if any(one.is_on(d) for d in request.kept)]
    return frozenset(one.ident for one in kept)


def _emptied(controller: RaidController, kept: frozenset[str]) -> RaidController:
    """Return a controller as it will be when all but the kept logical drives are deleted."""
    staying = tuple(
        one for one in controller.logical_drives if one.ident in kept or one.level == JBOD
    )
    held = {ident for one in staying for ident in one.drives}
    freed = {ident for one in controller.logical_drives for ident in one.drives} - held

    def after(drive: PhysicalDrive) -> PhysicalDrive:
        is_freed = drive.is_member and drive.ident in freed
        return replace(drive, obstacle=None) if is_freed else drive

    return replace(controller, drives=tuple(map(after, controller.drives)), logical_drives=staying)


def _recorded_roots(node: Mapping[str, Any]) -> frozenset[str]:
    """Return the WWNs of the root volumes that the node's ``raid_config`` tells of."""
    config = node.get("raid_config")
    disks = config.get("logical_disks") if isinstance(config, Mapping) else None
    hints = [
        disk.get("root_device_hint")
        for disk in disks or ()
        if isinstance(disk, Mapping) and disk.get("is_root_volume") is True
    ]
    return frozenset(str(hint.get("wwn")) for hint in hints if isinstance(hint, Mapping))


def _describe(controller: RaidController, one: LogicalDrive, *, is_root: bool) -> Mapping[str, Any]:
    """Return a logical drive as a logical disk of ``raid_config``; ``state`` is ours."""
    hint = {} if one.wwn is None else {"root_device_hint": {"wwn": one.wwn}}
    return {
        "raid_level": one.level,
        "size_gb": one.size_bytes // GIB,
        "controller": controller.name,
        "volume_name": one.name,
        "is_root_volume": is_root,
        "number_of_physical_disks": len(one.drives),
        "physical_disks": list(one.drives),
        "state": one.state,
        **hint,
    }


def _tell(progress: ProgressSink, message: str) -> None:
    progress(Progress(phase="RAID", message=message))
