"""The steps of the interface ``raid``: logical disks go to the configurators that know their ``controller``.

Everything is planned before anything is deleted or made. What stands afterwards, read back, is the result; a configurator that does not
answer costs its own logical disks only, and ``unanswered`` names it.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from agent.disks.root_device import skipped_disks
from agent.errors import InvalidRequest, RaidError
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.hardware.raiding import RaidConfig, RaidConfigurator, RaidPlan, RaidRequest
from agent.protocol.commands import Progress
from agent.protocol.raid_config import check_raid_config
from agent.protocol.refusal import Refusal
from agent.protocol.steps import ArgInfo
from hardware_managers.generic.raid_answers import Answers, ask_each
from hardware_managers.generic.raid_shares import shared_out

_Work = tuple[RaidConfigurator, RaidRequest]


def create_configuration(context: StepContext) -> dict[str, Any]:
    """Make the logical disks of ``node.target_raid_config``; disks that hold something already are refused.

    Raises:
        InvalidRequest: It cannot be done; nothing was changed.
        RaidError: It failed in the middle; the message says what stands.
    """
    wanted = _logical_disks(context.node.get("target_raid_config"), "target_raid_config")
    work = _divided(context, wanted, after_delete=False)
    return _create(context, [(one, request, one.plan(request)) for one, request in work])


def delete_configuration(context: StepContext) -> dict[str, Any]:
    """Remove every logical disk, but none on a disk of ``properties.skip_block_devices``.

    Raises:
        RaidError: Something stands still, or the node has logical disks of a controller that does not answer.
    """
    _tell(context, "delete")
    every = context.hardware.raid_configurators()
    answers = ask_each(every, lambda one: tuple(one.controllers()))
    request = _request(context, (), after_delete=False)
    left = [one.delete(request, context.tools) for one in every if one.name in answers.given]
    _refuse_recorded(context.node, answers)
    return _config(left, answers.silent)


def _refuse_recorded(node: Mapping[str, Any], answers: Answers[tuple[str, ...]]) -> None:
    """Refuse to call a deletion done if logical disks of the node may stand on a controller that does not answer.

    Raises:
        RaidError: ``raid_config`` or ``target_raid_config`` tells of some.
    """
    known = {name for names in answers.given.values() for name in names}
    configs = [node.get(key) for key in ("raid_config", "target_raid_config")]
    disks = [
        disk
        for one in configs
        if isinstance(one, Mapping)
        for disk in one.get("logical_disks") or ()
    ]
    named = {disk.get("controller") for disk in disks if isinstance(disk, Mapping)}
    gone = sorted(str(name) for name in named - known - {None})
    if answers.silent and gone:
        raise RaidError(
            f"logical disks of {', '.join(gone)} may stand still: {answers.silence()}; those of the others were deleted"
        )


def apply_configuration(context: StepContext) -> dict[str, Any]:
    """Make the logical disks of ``args.raid_config``, after those that exist were deleted unless ``args.delete_existing`` is false.

    Raises:
        InvalidRequest: It cannot be done; nothing was changed.
        RaidError: It failed in the middle; the message says what stands.
    """
    delete_existing = context.args.get("delete_existing", True)
    if not isinstance(delete_existing, bool):
        raise InvalidRequest(f"delete_existing: {delete_existing!r:.100}; give true or false")
    wanted = _logical_disks(context.args.get("raid_config"), "raid_config")
    work = _divided(context, wanted, after_delete=delete_existing)
    plans = [(one, request, one.plan(request)) for one, request in work]
    if delete_existing:
        delete_configuration(context)
    return _create(context, plans)


def _create(
    context: StepContext, plans: Sequence[tuple[RaidConfigurator, RaidRequest, RaidPlan]]
) -> dict[str, Any]:
    for one, _, plan in plans:
        for line in plan.lines:
            _tell(context, f"{one.name}: {line}")
    made = {one.name: one.create(plan, context.tools) for one, _, plan in plans}
    others = [one for one in context.hardware.raid_configurators() if one.name not in made]
    stands = ask_each(others, lambda one: one.read())
    return _config([*made.values(), *stands.given.values()], stands.silent)


def _logical_disks(config: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Return the logical disks of a configuration that follows Ironic's schema.

    Raises:
        InvalidRequest: It does not, or there are none.
    """
    if not config:
        raise InvalidRequest(
            f"{where}: has no logical disks; set it with PUT states/raid, or use delete_configuration"
        )
    try:
        check_raid_config(config)
    except Refusal as error:
        raise InvalidRequest(f"{where}: {error}") from error
    return tuple(config["logical_disks"])


def _divided(
    context: StepContext, wanted: Sequence[Mapping[str, Any]], *, after_delete: bool
) -> tuple[_Work, ...]:
    """Return who makes which logical disks.

    Raises:
        InvalidRequest: One names no controller of this machine, or none where it must.
    """
    every = context.hardware.raid_configurators()
    answers = ask_each(every, lambda one: tuple(one.controllers()))
    shares = shared_out(wanted, answers)
    return tuple(
        (one, _request(context, shares[one.name], after_delete=after_delete))
        for one in every
        if one.name in shares
    )


def _request(
    context: StepContext, wanted: Sequence[Mapping[str, Any]], *, after_delete: bool
) -> RaidRequest:
    disks = context.hardware.disks()
    return RaidRequest(
        node=context.node,
        logical_disks=tuple(wanted),
        disks=disks,
        eraser=context.hardware.metadata_eraser(),
        kept=skipped_disks(context.node, disks),
        boot_mode=_boot_mode(context),
        after_delete=after_delete,
    )


def _boot_mode(context: StepContext) -> str:
    """Return what the machine will boot by: the node's ``boot_mode``, else as this ramdisk was booted."""
    mode = context.node.get("boot_mode")
    if mode in ("bios", "uefi"):
        return str(mode)
    return context.hardware.machine_reader().boot_environment().mode


def _config(configs: Sequence[RaidConfig], silent: Mapping[str, str]) -> dict[str, Any]:
    disks = [disk for config in configs for disk in config["logical_disks"]]
    told = {"logical_disks": disks, "last_updated": datetime.now(UTC).isoformat()}
    return {**told, "unanswered": dict(silent)} if silent else told


def _tell(context: StepContext, message: str) -> None:
    context.progress(Progress(phase="RAID", message=message))


_ANY_TIME = {Phase.CLEAN: 0, Phase.SERVICE: 0}
RAID_STEPS = (
    Step(
        name="create_configuration",
        interface="raid",
        priorities=_ANY_TIME,
        run=create_configuration,
    ),
    Step(
        name="delete_configuration",
        interface="raid",
        priorities=_ANY_TIME,
        run=delete_configuration,
    ),
    Step(
        name="apply_configuration",
        interface="raid",
        priorities={Phase.DEPLOY: 0, Phase.SERVICE: 0},
        run=apply_configuration,
        abortable=False,
        args={
            "raid_config": ArgInfo(description="The logical disks to make", required=True),
            "delete_existing": ArgInfo(
                description="Delete what exists before; true unless given", required=False
            ),
        },
    ),
)
