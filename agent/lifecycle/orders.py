"""What the controller may order: every command, made of the parts of this agent."""

from collections.abc import Mapping
from pathlib import Path

from agent.commands.command import Command
from agent.commands.lockdown import Lockdown
from agent.commands.log_summary import SummarySources, write_summary
from agent.commands.registry import CommandDependencies, build_commands
from agent.commands.rescue import Rescue
from agent.commands.system_logs import LOG_FILES, SystemLogs
from agent.commands.written_images import WrittenImages
from agent.lifecycle.handover import LastWord
from agent.lifecycle.parts import AgentParts


def build(parts: AgentParts) -> Mapping[str, Command]:
    """Return every command by its full name."""
    settings = parts.settings
    return build_commands(
        CommandDependencies(
            hardware=parts.hardware,
            runner=parts.runner,
            power=parts.power,
            identity=parts.identity,
            written=WrittenImages(Path(settings.state_directory) / "written-image.json"),
            system_logs=system_logs(parts),
            rescue=Rescue(parts.login, parts.rescued),
            lockdown=Lockdown(parts.locked_down),
            announce_end=LastWord(wait=parts.wait, send=parts.say_end).say,
            hostname=parts.hostname,
            standalone=settings.standalone,
            ignore_bootloader_failure=settings.ignore_bootloader_failure,
        )
    )


def system_logs(parts: AgentParts) -> SystemLogs:
    """Return what collects this agent's logs, with a summary and without its secrets."""
    settings = parts.settings
    sources = SummarySources(
        version=parts.version,
        hardware=parts.hardware,
        board=parts.board,
        runner=parts.runner,
        commands=parts.results,
        troubles=parts.troubles.troubles,
    )
    own_log = (settings.log_file,) if settings.log_file else ()
    return SystemLogs(
        parts.runner,
        (*LOG_FILES, *own_log),
        lambda: (parts.identity.token, settings.agent_token),
        lambda: write_summary(sources),
    )
