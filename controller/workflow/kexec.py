"""What speaks against starting a node's deployed system by kexec, as far as the controller knows. Pure."""

from collections.abc import Sequence

from agent.protocol.loose_values import truth_word
from controller.hardware.steps import PlannedStep
from controller.settings import Settings
from controller.store.tables import Node
from controller.workflow.machine import boot_mode_of, capabilities
from controller.workflow.raid_result import has_software_raid
from controller.workflow.steps.course import Course


def kexec_obstacle(node: Node, settings: Settings, course: Course) -> str | None:
    """Return why the machine has to boot through its firmware; ``None`` = the agent may try.

    Args:
        node: The node, its image written.
        settings: The controller's.
        course: Its deployment, at the step that ends the ramdisk.
    """
    mode = boot_mode_of(node, settings)
    changing = _firmware_step(course.done)
    between = _step_while_off(course.steps[course.index + 1 :])
    checks = (
        (
            any(
                truth_word(capabilities(source.get("capabilities")).get("secure_boot"))
                for source in (node.instance_info, node.properties)
            ),
            "Secure Boot is wanted, which only a boot through the firmware gives",
        ),
        (
            node.boot_mode is not None and node.boot_mode != str(mode),
            f"the ramdisk was booted in {node.boot_mode} mode, and {mode} is wanted",
        ),
        (has_software_raid(node.raid_config), "the system is on software RAID"),
        (
            changing is not None,
            f"{changing and changing.title} has run, whose changes may need a boot",
        ),
        (between is not None, f"{between and between.title} runs while the machine is off"),
    )
    return next((text for applies, text in checks if applies), None)


def _firmware_step(done: Sequence[PlannedStep]) -> PlannedStep | None:
    """Return a step of the BMC that has run since the ramdisk was booted."""
    booted = [number for number, step in enumerate(done) if step.runs_as == "deploy"]
    after = done[booted[-1] + 1 :] if booted else done
    return next((step for step in after if step.runs_as == "bmc"), None)


def _step_while_off(following: Sequence[PlannedStep]) -> PlannedStep | None:
    """Return the first step before the machine is started again."""
    first = following[0] if following else None
    return None if first is None or first.runs_as == "boot_instance" else first
