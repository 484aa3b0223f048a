"""The agent as a service: what the ramdisk starts, and ``ingot-agent run``.

This is what a machine's start waits for, so it imports only what the lookup and the first heartbeat need; ``lifecycle/loading.py``
says what comes when. The command line for people is ``cli.py``.
"""

import argparse
import logging
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from agent.errors import AgentError, SettingError
from agent.hardware.plugins import load_for_lookup
from agent.lifecycle.run import Agent
from agent.settings import Settings, unknown_arguments
from agent.system.clock import ForeignClock, MachineClock
from agent.system.kernel_cmdline import PROC_CMDLINE
from agent.system.log_output import set_up_logging
from agent.system.power import MachinePower, NoPower
from agent.system.runner import HostRunner

log = logging.getLogger(__name__)
_DEFAULT_CONFIG = Path("/etc/ingot/agent.toml")


def main(argv: Sequence[str]) -> int:
    """Work for the controller until told to end; return the exit status."""
    parser = argparse.ArgumentParser(prog="ingot-agent", description=__doc__)
    add_arguments(parser)
    add_sources(parser)
    options = parser.parse_args(argv)
    try:
        settings = read_settings(options, flags_of(options))
        set_up_logging(debug=settings.debug, log_file=settings.log_file)
        return run(settings, options)
    except (AgentError, OSError) as error:
        print(f"ingot-agent: error: {error}", file=sys.stderr)  # noqa: T201  # logging may not be set up
        return 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what only ``run`` has."""
    parser.add_argument("--bind", metavar="HOST[:PORT]", help="address to serve the API on")
    parser.add_argument("--state-directory", help="where results, token and certificate are kept")
    parser.add_argument(
        "--network-ready-file", metavar="FILE", help="use the network only when FILE exists"
    )
    parser.add_argument(
        "--no-reboot", action="store_true", help="never turn this machine off or restart it"
    )


def add_sources(parser: argparse.ArgumentParser) -> None:
    """Add where settings come from; every sub-command has it."""
    parser.add_argument(
        "--cmdline-file", type=Path, default=PROC_CMDLINE, help="read kernel arguments here"
    )
    parser.add_argument("--config", type=Path, help=f"settings file, else {_DEFAULT_CONFIG}")
    parser.add_argument("--debug", action="store_true", default=None, help="log everything")


def read_settings(options: argparse.Namespace, flags: Mapping[str, object]) -> Settings:
    """Return the settings out of the sources that ``options`` name.

    Raises:
        SettingError: One cannot be used.
        OSError: A file cannot be read.
    """
    config: Path | None = options.config
    if config is None and _DEFAULT_CONFIG.exists():
        config = _DEFAULT_CONFIG
    file_text = config.read_text() if config is not None else None
    given = {"debug": options.debug, **flags}
    return Settings.from_sources(options.cmdline_file.read_text(), file_text, given)


def flags_of(options: argparse.Namespace) -> dict[str, object]:
    """Return the settings that ``add_arguments`` gives.

    Raises:
        SettingError: ``--bind`` is no address.
    """
    return {
        "state_directory": options.state_directory,
        "network_ready_file": options.network_ready_file,
        **(parse_bind(options.bind) if options.bind else {}),
    }


def parse_bind(text: str) -> dict[str, object]:
    """Return ``HOST``, ``HOST:PORT`` or ``[IPv6]:PORT`` as settings.

    Raises:
        SettingError: The port is not a number.
    """
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.endswith("]")):
        return {"listen_host": text.strip("[]")}
    if not port.isdecimal():
        raise SettingError(f"--bind {text}: {port!r} is not a port number")
    return {"listen_host": host.strip("[]"), "listen_port": int(port)}


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Work until the process is told to end.

    Raises:
        AgentError, OSError: The agent cannot work here; see ``Agent.run``.
    """
    own_version = version("ingot")
    log.info("starting", extra={"version": own_version})
    unknown = unknown_arguments(options.cmdline_file.read_text())
    if unknown:
        log.info("kernel arguments without effect here", extra={"arguments": ", ".join(unknown)})
    time.sleep(settings.hardware_initialization_delay_s)
    runner = HostRunner()
    power = NoPower() if options.no_reboot else MachinePower(runner)
    clock = ForeignClock() if options.no_reboot else MachineClock()
    agent = Agent(settings, load_for_lookup(runner), runner, power, clock, own_version)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()
    log.info("ended")
    return 0
