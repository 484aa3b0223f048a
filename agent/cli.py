"""The command line of the agent."""

import argparse
import json
import logging
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import msgspec

from agent.by_hand import order
from agent.by_hand.write_image import ImageByHand, Terminal
from agent.errors import AgentError, InvalidRequest, SettingError
from agent.hardware.capabilities import Phase
from agent.hardware.registry import load_hardware
from agent.hardware.steps import Subject, describe_steps
from agent.images.operator_rules import writer_settings
from agent.inspection.inventory import collect
from agent.lifecycle.run import Agent
from agent.lifecycle.wishes import wishes_of
from agent.settings import Settings, unknown_arguments
from agent.system.clock import ForeignClock, MachineClock
from agent.system.kernel_cmdline import PROC_CMDLINE
from agent.system.log_output import set_up_logging
from agent.system.power import MachinePower, NoPower
from agent.system.runner import HostRunner

log = logging.getLogger(__name__)
_DEFAULT_CONFIG = Path("/etc/ingot/agent.toml")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands."""
    parser = argparse.ArgumentParser(prog="ingot-agent", description=__doc__)
    parser.add_argument("--version", action="version", version=version("ingot"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="work for the controller until told to end")
    run.add_argument("--bind", metavar="HOST[:PORT]", help="address to serve the API on")
    run.add_argument("--state-directory", help="where results, token and certificate are kept")
    run.add_argument(
        "--network-ready-file", metavar="FILE", help="use the network only when FILE exists"
    )
    run.add_argument(
        "--no-reboot", action="store_true", help="never turn this machine off or restart it"
    )
    commands.add_parser("inventory", help="print what this machine is made of, as JSON")
    commands.add_parser("steps", help="print the steps of each phase, as JSON")
    write = commands.add_parser(
        "write-image", help="write an image to a disk by hand, or compare them"
    )
    order.add_arguments(write)
    for command in commands.choices.values():
        command.add_argument(
            "--cmdline-file", type=Path, default=PROC_CMDLINE, help="read kernel arguments here"
        )
        command.add_argument("--config", type=Path, help=f"settings file, else {_DEFAULT_CONFIG}")
        command.add_argument("--debug", action="store_true", default=None, help="log everything")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; return its exit status."""
    options = build_parser().parse_args(argv)
    try:
        settings = _settings(options)
        set_up_logging(debug=settings.debug, log_file=settings.log_file)
        return _COMMANDS[options.command](settings, options)
    except (AgentError, OSError) as error:
        print(f"ingot-agent: error: {error}", file=sys.stderr)  # noqa: T201  # logging may not be set up
        return 1


def _settings(options: argparse.Namespace) -> Settings:
    config: Path | None = options.config
    if config is None and _DEFAULT_CONFIG.exists():
        config = _DEFAULT_CONFIG
    flags: dict[str, object] = {"debug": options.debug}
    if options.command == "run":
        flags["state_directory"] = options.state_directory
        flags["network_ready_file"] = options.network_ready_file
        flags |= parse_bind(options.bind) if options.bind else {}
    file_text = config.read_text() if config is not None else None
    return Settings.from_sources(options.cmdline_file.read_text(), file_text, flags)


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


def _run(settings: Settings, options: argparse.Namespace) -> int:
    own_version = version("ingot")
    log.info("starting", extra={"version": own_version})
    unknown = unknown_arguments(options.cmdline_file.read_text())
    if unknown:
        log.info("kernel arguments without effect here", extra={"arguments": ", ".join(unknown)})
    time.sleep(settings.hardware_initialization_delay_s)
    runner = HostRunner()
    power = NoPower() if options.no_reboot else MachinePower(runner)
    clock = ForeignClock() if options.no_reboot else MachineClock()
    agent = Agent(settings, load_hardware(runner), runner, power, clock, own_version)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()
    log.info("ended")
    return 0


def _print_inventory(_settings: Settings, _options: argparse.Namespace) -> int:
    _print_json(collect(load_hardware(HostRunner()), socket.gethostname()))
    return 0


def _print_steps(_settings: Settings, _options: argparse.Namespace) -> int:
    managers = load_hardware(HostRunner()).managers
    _print_json({phase: describe_steps(managers, phase, Subject()) for phase in Phase})
    return 0


def _write_image(settings: Settings, options: argparse.Namespace) -> int:
    if not settings.debug:
        logging.getLogger("agent").setLevel(logging.WARNING)  # the bar and its lines say it
    # Set, not inherited: a shell's background jobs begin with Ctrl-C ignored, and a half-written disk must be told of.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    runner = HostRunner()
    try:
        wanted = order.make_order(options, settings.image_verify)
    except InvalidRequest as error:
        build_parser().error(f"write-image: {error}")
    hardware = load_hardware(runner)
    wishes = wishes_of(settings)
    wishes = replace(wishes, images=replace(wishes.images, verify=wanted.verify))
    hardware.configure(wishes)
    rules = writer_settings(wishes.images)
    return ImageByHand(wanted, rules, hardware, runner, Terminal(sys.stdout, sys.stdin)).run()


_COMMANDS = {
    "run": _run,
    "inventory": _print_inventory,
    "steps": _print_steps,
    "write-image": _write_image,
}


def _print_json(document: object) -> None:
    json.dump(msgspec.to_builtins(document), sys.stdout, indent=2)
    print()  # noqa: T201  # this sub-command's output
