"""Sets described networks up in the ramdisk; its init calls it, before the agent runs and without a settings file.

What is printed is for the shell script that called: ``dhcp NAME`` and ``dhcp6 NAME`` for interfaces that it shall ask for addresses on,
``leave NAME`` for those that it shall leave alone, ``others leave`` when cards that were not described stay as they are. Each
static address is also written to ``/run/ingot/net/NAME.address``, as the DHCP client's event script does.
"""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import AgentError
from agent.network.arguments import read_arguments
from agent.network.description import BadDescription, Description
from agent.network.network_data import read_network_data
from agent.network.plan import Card, NetworkPlan, missing_cards, plan_network
from agent.protocol.hardware_address import normal_mac
from agent.system.runner import HostRunner, Runner

_LONGEST_WAIT_S = 20.0
_PAUSE_S = 0.2
_COMMAND_S = 20.0
_MOST_BYTES = 1 << 20


def main(
    run: Path = Path("/run/ingot"),
    sys_net: Path = Path("/sys/class/net"),
    udev: Path | None = Path("/run/udev/data"),
    runner: Runner | None = None,
) -> int:
    """Set up what is described in ``run``; return the exit status: 1 = nothing could be, and the last line on stderr says why."""
    try:
        description = described(run)
        cards = wait_for_cards(description, lambda: read_cards(sys_net, udev))
        existing = [folder.name for folder in sys_net.iterdir()]
        plan = plan_network(description, cards, existing)
        for words in plan.commands:
            (runner or HostRunner()).run(*words, timeout_s=_COMMAND_S)
        write_down(plan, run)
    except (BadDescription, AgentError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for reason in plan.missing:
        sys.stderr.write(f"left out: {reason}\n")
    if description and not (plan.asks or plan.addresses or plan.commands):
        sys.stderr.write(f"nothing of it is there: {'; '.join(plan.missing)}\n")
        return 1
    sys.stdout.write("".join(f"{line}\n" for line in orders(description, plan)))
    return 0


def described(run: Path) -> Description:
    """Return what ``network_data.json`` or, where there is none, the kernel arguments describe.

    Raises:
        BadDescription: It cannot be understood.
    """
    document = run / "network_data.json"
    if document.exists():
        with document.open("rb") as file:
            return read_network_data(file.read(_MOST_BYTES))
    return read_arguments((run / "cmdline").read_text(errors="replace"))


def read_cards(sys_net: Path, udev: Path | None) -> tuple[Card, ...]:
    """Return the real cards, in the kernel's order; those that udev has not named yet do not count."""
    cards = []
    for folder in sys_net.iterdir():
        try:
            index = int((folder / "ifindex").read_text())
            mac = normal_mac((folder / "address").read_text())
        except (OSError, ValueError):  # it went while we looked
            continue
        is_named = udev is None or (udev / f"n{index}").exists()
        if mac and is_named and (folder / "device").exists():
            cards.append((index, Card(name=folder.name, mac=mac)))
    return tuple(card for _, card in sorted(cards, key=lambda pair: pair[0]))


def wait_for_cards(
    description: Description,
    look: Callable[[], tuple[Card, ...]],
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Card, ...]:
    """Return the cards as soon as all that are described are there, or what there is after 20 s."""
    deadline = clock() + _LONGEST_WAIT_S
    while True:
        cards = look()
        if not missing_cards(description, cards) or clock() >= deadline:
            return cards
        sleep(_PAUSE_S)


def write_down(plan: NetworkPlan, run: Path) -> None:
    """Write the static addresses where the other programs look for them, and the name servers before those of DHCP."""
    for name, address in plan.addresses:
        (run / "net" / f"{name}.address").write_text(f"{address}\n")
    if plan.name_servers:
        lines = "".join(f"nameserver {server}\n" for server in plan.name_servers)
        (run.parent / "resolv.conf").write_text(lines)


def orders(description: Description, plan: NetworkPlan) -> Sequence[str]:
    """Return the lines for the calling script."""
    asked = [f"{method.value} {name}" for method, name in plan.asks]
    names = {name for _, name in plan.asks}
    left = [f"leave {name}" for name in plan.claimed if name not in names]
    return (*(["others leave"] if description.only else []), *asked, *left)
