"""The demonstration: ``python3 -m tests.lab.demo`` (``make demo``) deploys a real system onto virtual bare metal.

Exit status 0 only when every machine showed its login prompt, and host name and SSH key of its config drive arrived.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread

from controller.client.screen import Screen
from tests.lab.api_client import ApiClient, Document
from tests.lab.controller import Controller
from tests.lab.demo.keep import keep
from tests.lab.demo.keys import SshKey, make_key
from tests.lab.demo.media import Media, media_settings, node_of
from tests.lab.demo.road import Image, Journey, Road, read_checksum
from tests.lab.enrol import SERIAL_CONSOLE
from tests.lab.errors import LabError
from tests.lab.hardware import BmcKind, Disk, Firmware
from tests.lab.lab import Lab
from tests.lab.machine import Machine

_BUILD = Path(__file__).resolve().parents[3] / "build"
_LOGS = _BUILD / "demo"
_DISK_BYTES = 8 << 30
_MEMORY_MIB = 2048


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demonstration; see the module's text for the exit status."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.media == Media.VIRTUAL and options.bmc != BmcKind.REDFISH:
        parser.error("virtual media need --bmc redfish (make demo BMC=redfish MEDIA=virtual)")
    image_file = options.build / "os-image/debian.qcow2"
    kernel, ramdisk = (options.build / f"ramdisk/ingot.{kind}" for kind in ("vmlinuz", "initramfs"))
    missing = [str(file) for file in (image_file, kernel, ramdisk) if not file.exists()]
    if missing:
        sys.stderr.write(f"missing: {', '.join(missing)}; `make demo` builds them\n")
        return 2
    shutil.rmtree(_LOGS, ignore_errors=True)
    try:
        _demonstrate(
            options, image_file, {"deploy_kernel": str(kernel), "deploy_ramdisk": str(ramdisk)}
        )
    except LabError as error:
        sys.stderr.write(f"the demonstration failed: {error}\nlogs: {_LOGS}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted; everything that was started is gone, logs: {_LOGS}\n")
        return 130
    return 0


def _demonstrate(
    options: argparse.Namespace, image_file: Path, boot_files: Mapping[str, str]
) -> None:
    """Deploy the image onto the machines that the options ask for, and show how it goes."""
    names = [f"node-{number + 1}" for number in range(options.nodes)]
    with Lab(workdir=_LOGS) as lab, Screen(names) as screen:
        key = make_key(lab.scratch)
        screen.say("the lab is up: a private network; starting the controller")
        controller = lab.controller(
            settings={
                **boot_files,
                "kernel_append_params": SERIAL_CONSOLE,
                **media_settings(options.media),
            }
        )
        machines = [
            lab.machine(
                name=name,
                firmware=Firmware(options.firmware),
                memory_mib=_MEMORY_MIB,
                disks=(Disk(size_bytes=_DISK_BYTES),),
                bmc=BmcKind(options.bmc),
            )
            for name in names
        ]
        image = Image(
            url=lab.http.publish(image_file.name, image_file),
            sha256=read_checksum(image_file.with_suffix(".qcow2.sha256")),
        )
        screen.say(
            f"the controller answers at {controller.url}; {len(machines)} machine(s), powered off"
        )
        documents = [
            node_of(machine, lab.network, options.media, number)
            for number, machine in enumerate(machines)
        ]
        journeys = _travel(lab, controller, machines, documents, screen, image, key)
        _report(screen, journeys)
        if options.keep:
            keep(screen, lab, controller, machines, key)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo", description="Deploy a real system onto virtual bare metal."
    )
    parser.add_argument("--firmware", choices=[kind.value for kind in Firmware], default="bios")
    parser.add_argument("--nodes", type=int, default=1, choices=range(1, 9), metavar="1..8")
    kinds = [kind.value for kind in (BmcKind.IPMI, BmcKind.REDFISH)]
    parser.add_argument("--bmc", choices=kinds, default="ipmi", help="what the BMCs speak")
    parser.add_argument(
        "--media",
        choices=[media.value for media in Media],
        default="network",
        help="how the ramdisk comes: network, or virtual media without DHCP (needs --bmc redfish)",
    )
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument(
        "--build", type=Path, default=_BUILD, help="folder with ramdisk/ and os-image/"
    )
    return parser


def _travel(
    lab: Lab,
    controller: Controller,
    machines: Sequence[Machine],
    documents: Sequence[Document],
    screen: Screen,
    image: Image,
    key: SshKey,
) -> list[Journey]:
    """Send all machines at once; waits for all of them even if one fails.

    The threads are daemons: after Ctrl-C nothing waits for a machine that is gone.
    """

    def travel(machine: Machine, document: Document, outcome: Future[Journey]) -> None:
        try:
            with lab.network.inside():
                road = Road(machine, ApiClient(controller.url), screen, document)
                outcome.set_result(road.travel(image, key))
        except Exception as error:  # noqa: BLE001  # whatever it is, the main thread must hear of it
            outcome.set_exception(LabError(f"{machine.name}: {type(error).__name__}: {error}"))

    outcomes: list[Future[Journey]] = [Future() for _ in machines]
    for words in zip(machines, documents, outcomes, strict=True):
        Thread(target=travel, args=words, daemon=True).start()
    failures = [str(error) for outcome in outcomes if (error := outcome.exception())]
    if failures:
        raise LabError("; ".join(failures))
    return [outcome.result() for outcome in outcomes]


def _report(screen: Screen, journeys: Sequence[Journey]) -> None:
    for journey in journeys:
        screen.say(journey.proof.ready_line)
        for title, table in journey.tables.items():
            screen.table(title, table)
        screen.say(f"enrolled to login prompt: {journey.enrolled_to_prompt_s:.1f} s", style="bold")


if __name__ == "__main__":
    sys.exit(main())
