"""The stages of the workflow graph that a plain deployment goes through: where tests kill a controller, one by one."""

from controller.workflow.graph import STAGES

_OF_OTHER_DEPLOYMENTS = ("deploy.reboot.", "deploy.kexec.", "deploy.network.", "deploy.iscsi.")
_ONLY_WHEN = {"deploy.cut_power", "deploy.hold", "deploy.unheld"}
"""The agent is late with its power off; a person holds a step."""


def plain_deployment() -> frozenset[str]:
    """Return every stage of a deployment that boots the ramdisk, writes a disk, and orders a boot loader.

    Without those that a node may pass over: there is no switch and no virtual drive.
    """
    return frozenset(
        name
        for name, stage in STAGES.items()
        if name.startswith("deploy.")
        and not name.startswith(_OF_OTHER_DEPLOYMENTS)
        and name not in _ONLY_WHEN
        and not stage.is_needed
    )
