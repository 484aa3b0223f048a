"""How a container step is run: pull the image, run it, follow what it says, fail as it fails."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import AgentError, CommandFailed, InvalidRequest
from agent.hardware.capabilities import Phase, Step, StepContext
from agent.protocol.commands import Progress
from agent.protocol.containers import ContainerRules
from agent.protocol.steps import ArgInfo
from agent.system.runner import Runner
from hardware_managers.container.rules import allowed_options, bare_reference
from hardware_managers.container.step_file import FileStep

NAMES = ("generic_container_step", "container_clean_step")
"""The second is the name that Ironic's agent gave up; it is still ordered by."""
_PULL_S = 3600.0
_RUN_S = 7 * 86400.0
_END_S = 120.0
_KEPT_LINES = 200
_ARGS = {
    "container_url": ArgInfo(description="The image to run", required=True),
    "pull_options": ArgInfo(description="Options of pull, a list of words"),
    "run_options": ArgInfo(description="Options of run, a list of words"),
}


def named_steps(rules: ContainerRules) -> tuple[Step, ...]:
    """Return the steps whose image the client names."""

    def run(context: StepContext) -> dict[str, Any]:
        args = context.args
        reference = bare_reference(args.get("container_url"), "generic_container_step")
        pull = allowed_options(rules, reference, _words(args, "pull_options"), rules.pull_options)
        options = allowed_options(rules, reference, _words(args, "run_options"), rules.run_options)
        return run_container(context, rules.runner, reference, pull, options)

    return tuple(
        Step(
            name=name,
            interface="deploy",
            priorities=dict.fromkeys(Phase, 0),
            run=run,
            abortable=True,
            stoppable=True,
            args=_ARGS,
        )
        for name in NAMES
    )


def file_steps(rules: ContainerRules, listed: Sequence[FileStep]) -> tuple[Step, ...]:
    """Return the steps of the ramdisk's step file."""
    return tuple(_file_step(rules, one) for one in listed)


def _file_step(rules: ContainerRules, listed: FileStep) -> Step:
    def run(context: StepContext) -> dict[str, Any]:
        pull = rules.pull_options if listed.pull_options is None else listed.pull_options
        options = rules.run_options if listed.run_options is None else listed.run_options
        reference = bare_reference(listed.image, listed.name)
        return run_container(context, rules.runner, reference, pull, options)

    return Step(
        name=listed.name,
        interface=listed.interface,
        priorities={Phase.CLEAN: listed.priority, Phase.DEPLOY: 0, Phase.SERVICE: 0},
        run=run,
        reboot_requested=listed.reboot_requested,
        abortable=listed.abortable,
        stoppable=listed.abortable,
    )


def run_container(
    context: StepContext, runner: str, reference: str, pull: Sequence[str], options: Sequence[str]
) -> dict[str, Any]:
    """Pull and run one container; return the last lines that it wrote.

    Raises:
        CommandFailed: The image cannot be had, or the container ended with an error; the message has what it said last.
        Stopped: The step was stopped; the container was ended.
    """
    tools = context.tools
    last: list[str] = []

    def show(phase: str, line: str) -> None:
        last[:] = [*last[1 - _KEPT_LINES :], line]
        tools.progress(Progress(phase=phase, message=line[:300]))

    def follow(phase: str, argv: Sequence[str], limit_s: float) -> None:
        last.clear()
        tools.progress(Progress(phase=phase, message=reference))
        try:
            tools.runner.follow(
                *argv, timeout_s=limit_s, on_line=lambda line: show(phase, line), stop=tools.stop
            )
        except CommandFailed as error:  # the options may hold a login
            raise CommandFailed(
                str(error).replace(shlex.join(argv), f"{runner} {argv[1]} ... {reference}")
            ) from error

    follow("pull", (runner, "pull", *pull, reference), _PULL_S)
    id_file = tools.folder / "container-id"
    try:
        follow("container", (runner, "run", f"--cidfile={id_file}", *options, reference), _RUN_S)
    except AgentError:
        end_container(tools.runner, runner, id_file)
        raise
    return {"container": reference, "output": last}


def end_container(runner: Runner, program: str, id_file: Path) -> None:
    """End a container that may have outlived the ``program`` (podman, docker) that started it."""
    if id_file.exists():
        end = (program, "rm", "--force", id_file.read_text().strip())
        runner.run(*end, ok=range(256), timeout_s=_END_S)


def _words(args: Mapping[str, Any], name: str) -> Sequence[str] | None:
    value = args.get(name)
    if value is None:
        return None
    words = value.split() if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise InvalidRequest(f"{name} is {value!r}; give a list of words")
    return words
