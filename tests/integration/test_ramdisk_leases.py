"""The ramdisk's answer to a DHCP lease, run by itself in a network namespace with cards of its own."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = pytest.mark.root
EVENT = (
    Path(__file__).parents[2] / "image-build/elements/ingot-init/appended/usr/lib/ingot/dhcp-event"
)
CARDS = """
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/ingot/net
echo boot >/run/ingot/boot-nic
for card in boot other; do
    ip link add "$card" type veth peer name "$card-end"
    ip link set "$card-end" up
    ip link set "$card" up
done
"""
LEASE = 'interface=%s ip=192.0.2.%d mask=24 router=192.0.2.1 "$EVENT" bound\n'
ASK = "ip -4 route get 192.0.2.1; ip -4 route get 198.51.100.7\n"


def sources(leases: Sequence[tuple[str, int]]) -> list[str]:
    """Return from which address the neighbour and a stranger are called after these leases."""
    script = CARDS + "".join(LEASE % lease for lease in leases) + ASK
    done = subprocess.run(
        ("unshare", "--net", "--mount", "sh", "-c", script),
        env=os.environ | {"EVENT": str(EVENT)},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    words = done.stdout.split()
    return [words[place + 1] for place, word in enumerate(words) if word == "src"]


@pytest.mark.parametrize(
    "leases",
    [
        [("boot", 10), ("other", 20)],
        [("other", 20), ("boot", 10)],
        [("other", 20), ("boot", 10), ("other", 20)],
        [("boot", 10), ("other", 20), ("boot", 10)],
        [("boot", 9), ("other", 20), ("boot", 10)],
    ],
    ids=lambda leases: " ".join(f"{card}-{number}" for card, number in leases),
)
def test_of_cards_in_one_network_the_one_that_booted_is_used(
    leases: Sequence[tuple[str, int]],
) -> None:
    assert sources(leases) == ["192.0.2.10"] * 2
