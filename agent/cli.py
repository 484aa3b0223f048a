"""The command line of the agent for people; the ramdisk starts ``daemon.py`` itself."""

import argparse
import json
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version

import msgspec

from agent import daemon
from agent.by_hand import order
from agent.by_hand.write_image import ImageByHand, Terminal
from agent.errors import AgentError, InvalidRequest
from agent.hardware.capabilities import Phase
from agent.hardware.plugins import load_hardware
from agent.hardware.steps import Subject, describe_steps
from agent.images.operator_rules import writer_settings
from agent.inspection.inventory import collect
from agent.lifecycle.wishes import wishes_of
from agent.settings import Settings
from agent.system.log_output import set_up_logging
from agent.system.runner import HostRunner


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all sub-commands."""
    parser = argparse.ArgumentParser(prog="ingot-agent", description=__doc__)
    parser.add_argument("--version", action="version", version=version("ingot"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="work for the controller until told to end")
    daemon.add_arguments(run)
    commands.add_parser("inventory", help="print what this machine is made of, as JSON")
    commands.add_parser("steps", help="print the steps of each phase, as JSON")
    write = commands.add_parser(
        "write-image", help="write an image to a disk by hand, or compare them"
    )
    order.add_arguments(write)
    for command in commands.choices.values():
        daemon.add_sources(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command; return its exit status."""
    options = build_parser().parse_args(argv)
    try:
        flags = daemon.flags_of(options) if options.command == "run" else {}
        settings = daemon.read_settings(options, flags)
        set_up_logging(debug=settings.debug, log_file=settings.log_file)
        return _COMMANDS[options.command](settings, options)
    except (AgentError, OSError) as error:
        print(f"ingot-agent: error: {error}", file=sys.stderr)  # noqa: T201  # logging may not be set up
        return 1


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
    "run": daemon.run,
    "inventory": _print_inventory,
    "steps": _print_steps,
    "write-image": _write_image,
}


def _print_json(document: object) -> None:
    json.dump(msgspec.to_builtins(document), sys.stdout, indent=2)
    print()  # noqa: T201  # this sub-command's output
