"""The core deploy steps of every deploy interface, with Ironic's names and priorities; a client can replace some and switch them off. Pure."""

from controller.hardware.steps import Kind, StepSpec, Where


def _core(step: str, priority: int, where: Where = Where.CONTROLLER, runs_as: str = "") -> StepSpec:
    return StepSpec(
        step=step,
        interface="deploy",
        kind=Kind.DEPLOY,
        priority=priority,
        abortable=True,
        where=where,
        runs_as="agent" if where is Where.AGENT else runs_as or step,
    )


_BEGIN = (_core("deploy", 100),)
_END = (_core("tear_down_agent", 40), _core("boot_instance", 20))
DIRECT_DEPLOY_STEPS = (
    *_BEGIN,
    _core("write_image", 80, Where.AGENT),
    _core("prepare_instance_boot", 60),
    *_END,
)
"""The deploy steps of Ironic's ``direct`` deploy interface."""
OVER_ISCSI = "write_image_over_iscsi"
ISCSI_DEPLOY_STEPS = (
    *_BEGIN,
    _core("write_image", 80, runs_as=OVER_ISCSI),
    _core("prepare_instance_boot", 60),
    *_END,
)
"""Those of its ``iscsi`` deploy interface, until Wallaby: the controller writes the disk that the agent exports."""
BOOTC_DEPLOY_STEPS = (
    *_BEGIN,
    _core("execute_bootc_install", 80, Where.AGENT),
    _core("set_boot_to_disk", 60),
    *_END,
)
"""Those of its ``bootc`` deploy interface: the agent makes the boot entry while it installs."""
CUSTOM_DEPLOY_STEPS = (
    *_BEGIN,
    _core("prepare_instance_boot", 60, runs_as="set_boot_to_disk"),
    *_END,
)
"""Those of its ``custom-agent``: an agent that is not asked to write anything, nor to make a boot loader."""
FROM_NETWORK = "boot_instance_from_network"
RAMDISK_DEPLOY_STEPS = (_core("deploy", 100, runs_as=FROM_NETWORK),)
"""That of its ``ramdisk``: no agent is needed."""
