"""Which containers the ramdisk runs as steps, and how."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)  # a class has one base with slots, which is another
class ContainerSettings:
    """A part of ``Settings`` (``docs/how-to/container-steps.md``)."""

    agent_allowed_containers: str = ""
    """Images, with commas between, that the step ``generic_container_step`` may run with the options that it is given (``docs/how-to/container-steps.md``); Ironic's ``[agent_containers] allowed_containers``."""
    agent_allow_arbitrary_containers: bool = False
    """Let that step run any other image too, with the options of ``agent_container_pull_options`` and ``agent_container_run_options`` only."""
    agent_container_steps_file: str = "/etc/ironic-python-agent.d/mysteps.yaml"
    """File in the ramdisk with container steps of its builder, an absolute path."""
    agent_container_runner: str = "podman"
    """What runs containers in the ramdisk: ``podman`` or ``docker``."""
    agent_container_pull_options: str = ""
    """Options of ``podman pull`` or ``docker pull``, with commas between, where a step gives none; every ramdisk is told of them, so no login."""
    agent_container_run_options: str = "--rm,--network=host"
    """Options of ``podman run`` or ``docker run``, likewise."""
