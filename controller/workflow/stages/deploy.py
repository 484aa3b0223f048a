"""Deployment of an image: from ``deploying`` to ``active``.

The core steps are those of the node's deploy interface: ``deploy`` boots the ramdisk unless one was kept (fast track), ``write_image`` and
``execute_bootc_install`` are the agent's, ``prepare_instance_boot`` makes the disk bootable, ``set_boot_to_disk`` only chooses it, ``tear_down_agent`` switches the machine off, ``boot_instance`` on again, unless
the agent starts the system by kexec. Steps of a BMC run at every priority, before, between and after them; the agent's only while it is up. A running command on the
agent is never given twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller.errors import AgentRefused, AgentUnreachable, StepFailed
from controller.hardware.bmc import BootMode
from controller.hardware.boot_target import KEY, BootTarget
from controller.hardware.steps import Kind, PlannedStep
from controller.images.partitions import is_partition_image
from controller.states import Event
from controller.store.tables import Node
from controller.workflow import receipts
from controller.workflow.machine import agent_of, boot_mode_of, forget_agent, interfaces_of
from controller.workflow.networks.plan import Moment
from controller.workflow.node_rules import check_drive, require_bootable
from controller.workflow.outcome import Note, Outcome, leave
from controller.workflow.raid_result import has_software_raid
from controller.workflow.registered_images import use_image
from controller.workflow.stage import Context, Stage, To, Workflow, leaves_by
from controller.workflow.stages import power
from controller.workflow.stages.boot import boot_ramdisk
from controller.workflow.stages.boot_device import boot_instance_next
from controller.workflow.stages.fast_track import find_agent_stage
from controller.workflow.stages.iscsi import iscsi_stages
from controller.workflow.stages.kexec import boot_or_look, kexec_stages, wants_kexec
from controller.workflow.stages.medium import insert_stage
from controller.workflow.stages.network import check_networks, connect_stage
from controller.workflow.stages.orders import ask, new_order, order_stages
from controller.workflow.stages.steps import begin_course, step_stages
from controller.workflow.steps.core_steps import FROM_NETWORK, OVER_ISCSI


@leaves_by("done", "at_once")
def begin(context: Context) -> Outcome:
    """Check the image before the machine is touched; leaves by ``at_once`` if there is nothing to be done.

    Without an agent (the deploy interface ``fake``) only steps are carried out that were asked for, or that a BMC has.
    """
    node = context.node
    settings = context.settings
    interfaces = interfaces_of(context.services, node)
    deploy = interfaces.deploy
    deploy.check(node, settings)
    use_image(context.services, node)
    check_networks(context, Moment.TENANT)
    if Kind.DEPLOY not in deploy.agent_in:
        require_bootable(node, interfaces)
        steps = begin_course(context, Kind.DEPLOY, uses_ramdisk=False)
        notes = _warnings(deploy.ask_servers(node, settings))
        return leave("done" if steps.steps else "at_once", data=steps.data(), notes=notes)
    check_networks(context, Moment.PROVISIONING)
    check_drive(node)
    wants_kexec(
        context
    )  # a word there that is neither true nor false is refused before anything is done
    notes = _warnings(deploy.ask_servers(node, settings))
    course = begin_course(context, Kind.DEPLOY, uses_ramdisk=True)
    return leave(data=course.data(), internal={receipts.KEY: None}, notes=notes)


def _warnings(texts: Iterable[str]) -> tuple[Note, ...]:
    return tuple(Note(kind="step", message=text, severity="WARNING") for text in texts)


@leaves_by("boot_loader", "boot_sector")
def partition_uuids(context: Context) -> Outcome:
    """Ask the agent for what the boot loader needs to know; leaves by ``boot_sector`` if the image has all that BIOS needs.

    An image on an array of md lies where no firmware looks, and a partition image has no boot sector, so then the agent is asked
    under BIOS too.
    """
    result = ask(context, "standby.get_partition_uuids", {})
    uuids = result if isinstance(result, Mapping) else {}
    is_uefi = boot_mode_of(context.node, context.settings) == BootMode.UEFI
    has_no_sector = is_partition_image(context.node.instance_info)
    needs_loader = is_uefi or has_no_sector or has_software_raid(context.node.raid_config)
    return leave(
        "boot_loader" if needs_loader else "boot_sector",
        data={"uuids": dict(uuids)},
        internal={"root_uuid_or_disk_id": uuids.get("root uuid")},
    )


def announce_boot_loader(context: Context) -> Outcome:
    """Prepare the order to make the firmware boot the disk.

    Raises:
        StepFailed: The agent would succeed without having made an array bootable.
    """
    _check_array_boots(context)
    return leave(
        data={"order": new_order(context, "image.install_bootloader", "install_bootloader")}
    )


def boot_from_disk(context: Context) -> Outcome:
    """Have the machine boot its instance from now on: its disk, or what the deploy interface has it boot from the network."""
    return leave(internal=boot_instance_next(context))


def boot_from_disk_again(context: Context) -> Outcome:
    """Have the machine boot its instance if a step behind ``prepare_instance_boot`` booted the ramdisk again."""
    is_ramdisk = context.node.driver_internal_info.get(KEY) in (None, BootTarget.RAMDISK)
    return boot_from_disk(context) if is_ramdisk else leave()


@leaves_by("done", "gone", "kexec")
def sync(context: Context) -> Outcome:
    """Have the agent write everything to the disks.

    Leaves by ``gone`` if a step has switched it off, by ``kexec`` if it is to start the system itself.
    """
    if not context.node.driver_internal_info.get("agent_url"):
        return leave("gone")
    ask(context, "standby.sync", {})
    return leave("kexec" if wants_kexec(context) else "done")


def agent_power_off(context: Context) -> Outcome:
    """Have the agent switch the machine off; if it does not hear, the next stages see to it."""
    if context.node.disable_power_off:
        return leave()
    try:
        agent_of(context.services, context.node).execute("standby.power_off", {})
    except (AgentRefused, AgentUnreachable) as error:  # it may be on its way down already
        return leave(notes=(Note(kind="power", message=f"power off by the agent: {error}"),))
    return leave()


def finish(_context: Context) -> Outcome:
    """Forget the agent: the machine belongs to the instance now."""
    return leave(columns={"agent_secret": None}, internal=forget_agent())


def _arguments(context: Context, step: PlannedStep) -> Mapping[str, Any] | None:
    node = context.node
    own = interfaces_of(context.services, node).deploy
    is_core = any(core.id == step.id for core in own.core_steps)
    if not is_core or step.step not in own.arguments:
        return step.args
    if not node.instance_info.get("image_source"):
        raise StepFailed(f"{context.label}: instance_info.image_source has vanished; set it again")
    return own.arguments[step.step](node, context.settings)


def _check_array_boots(context: Context) -> None:
    """Refuse what Ironic's agent, known by the receipt that it does not send, leaves undone under BIOS without a word.

    It makes the members bootable by the image's own GRUB, which it looks for on the root file system. Ours needs neither.

    Raises:
        StepFailed: Nobody has told which file system that is.
    """
    node = context.node
    is_bios = boot_mode_of(node, context.settings) == BootMode.BIOS
    is_on_array = has_software_raid(node.raid_config) and not is_partition_image(node.instance_info)
    is_known = bool(node.driver_internal_info.get(receipts.KEY) or _told_root(node))
    if is_bios and is_on_array and not is_known:
        raise StepFailed(
            f"{context.label}: this agent (Ironic's) makes arrays bootable under BIOS only by the GRUB of the image; set"
            " instance_info.image_rootfs_uuid to the UUID of its root file system, deploy under UEFI, or with Ingot's ramdisk"
        )


def _told_root(node: Node) -> str | None:
    """Return the root file system's UUID as the operator tells it to Ironic, too; ``None`` = not told."""
    told = node.instance_info.get("image_rootfs_uuid")
    return str(told) if told else None


def _root_uuid(context: Context, found: Any) -> Any:
    """Return the root file system's UUID: on an array what the operator told, else what the agent found, and the other where there is none.

    Ironic's agent finds none where udev has not looked yet at the partition that it wrote a moment ago.

    Raises:
        StepFailed: A partition image, of which neither tells.
    """
    node = context.node
    told = _told_root(node)
    uuid = told or found if has_software_raid(node.raid_config) else found or told
    if not uuid and is_partition_image(node.instance_info):
        raise StepFailed(
            f"{context.label}: the agent does not tell the UUID of the root file system that it has written, which its boot loader"
            " needs; set instance_info.image_rootfs_uuid to it (blkid IMAGE), or deploy with Ingot's ramdisk"
        )
    return uuid


def _boot_loader_params(context: Context) -> Mapping[str, Any]:
    uuids = context.data["uuids"]
    return {
        "root_uuid": _root_uuid(context, uuids.get("root uuid")),
        "efi_system_part_uuid": uuids.get("efi system partition uuid"),
        "prep_boot_part_uuid": uuids.get("PReP Boot partition uuid"),
        "target_boot_mode": str(boot_mode_of(context.node, context.settings)),
    }


_NEXT = To(stage="deploy.next")
_OFF = To(stage="deploy.boot_from_disk_again")

STAGES: Mapping[str, Stage] = {
    "deploy.begin": Stage(
        run=begin,
        ways={
            "done": To(stage="deploy.next"),
            "at_once": To(stage="deploy.connect_at_once"),
        },
        is_before_touch=True,
    ),
    **find_agent_stage("deploy", Moment.PROVISIONING, running="deploy.plan"),
    **boot_ramdisk("deploy", Moment.PROVISIONING, then=To(stage="deploy.plan", event=Event.RESUME)),
    **step_stages(
        Kind.DEPLOY,
        finished=To(stage="deploy.connect_at_last"),
        aborted=To(stage="aborted.eject_medium", event=Event.FAIL),
        deleted=To(stage="delete.power_off", event=Event.FAIL, then=Event.DELETE),
        arguments=_arguments,
        core={
            "deploy": To(stage="deploy.find_agent"),
            "prepare_instance_boot": To(stage="deploy.partition_uuids"),
            "set_boot_to_disk": To(stage="deploy.boot_from_disk"),
            "tear_down_agent": To(stage="deploy.sync"),
            "boot_instance": To(stage="deploy.connect_instance"),
            OVER_ISCSI: To(stage="deploy.iscsi.begin"),
            FROM_NETWORK: To(stage="deploy.network.power_off"),
        },
    ),
    **iscsi_stages(then=To(stage="deploy.next", event=Event.RESUME)),
    "deploy.partition_uuids": Stage(
        run=partition_uuids,
        ways={
            "boot_loader": To(stage="deploy.boot_loader"),
            "boot_sector": To(stage="deploy.boot_from_disk"),
        },
    ),
    "deploy.boot_loader": Stage(
        run=announce_boot_loader, ways={"done": To(stage="deploy.boot_loader.send")}
    ),
    **order_stages(
        "deploy.boot_loader",
        _boot_loader_params,
        {"done": To(stage="deploy.boot_from_disk", event=Event.RESUME)},
    ),
    "deploy.boot_from_disk": Stage(run=boot_from_disk, ways={"done": _NEXT}),
    "deploy.sync": Stage(
        run=sync,
        ways={
            "done": To(stage="deploy.agent_power_off"),
            "gone": To(stage="deploy.cut_power"),
            "kexec": To(stage="deploy.kexec.ask"),
        },
    ),
    **kexec_stages(
        "deploy",
        disk=boot_from_disk_again,
        off="deploy.agent_power_off",
        cut="deploy.cut_power",
        started=_NEXT,
    ),
    "deploy.agent_power_off": Stage(
        run=agent_power_off, ways={"done": To(stage="deploy.wait_for_off")}
    ),
    "deploy.wait_for_off": Stage(
        run=power.wait_for_off,
        ways={"done": _OFF, "late": To(stage="deploy.cut_power")},
        timeout_s=lambda settings: settings.agent_power_off_timeout_s,
    ),
    "deploy.cut_power": Stage(
        run=power.power_off,
        ways={"done": _OFF},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    "deploy.boot_from_disk_again": Stage(run=boot_from_disk_again, ways={"done": _NEXT}),
    **connect_stage("deploy.connect_instance", Moment.TENANT, To(stage="deploy.boot_instance")),
    "deploy.boot_instance": Stage(
        run=boot_or_look,
        ways={"done": _NEXT},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    "deploy.network.power_off": Stage(
        run=power.power_off,
        ways={"done": To(stage="deploy.network.connect")},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage(
        "deploy.network.connect", Moment.TENANT, To(stage="deploy.network.set_boot_device")
    ),
    "deploy.network.set_boot_device": Stage(
        run=boot_from_disk, ways={"done": To(stage="deploy.network.insert_medium")}
    ),
    **insert_stage("deploy.network", To(stage="deploy.network.power_on")),
    "deploy.network.power_on": Stage(
        run=power.power_on_or_reset,
        ways={"done": _NEXT},
        timeout_s=lambda settings: settings.power_change_timeout_s,
    ),
    **connect_stage("deploy.connect_at_once", Moment.TENANT, To(stage=None, event=Event.DONE)),
    **connect_stage("deploy.connect_at_last", Moment.TENANT, To(stage="deploy.finish")),
    "deploy.finish": Stage(run=finish, ways={"done": To(stage=None, event=Event.DONE)}),
}
WORKFLOWS: Mapping[str, Workflow] = {
    "deploy": Workflow(title="deployment", after_failure="deploy_failed.eject_medium"),
}
