"""iSCSI volumes in boot scripts: Ironic's volume targets in, lines of iPXE out; nothing in them can add a command."""

from typing import Any

import pytest

from controller.boot.instances import loading
from controller.boot.iscsi import iscsi_volumes
from controller.errors import Invalid
from controller.store.volumes import Volume, Volumes

IQN = "iqn.2026-01.org.example:disk1"
GOOD = {"target_iqn": IQN, "target_lun": 1, "target_portal": "192.0.2.7:3260"}


def volume(volume_type: str = "iscsi", **changes: Any) -> Volume:
    return Volume(volume_type=volume_type, properties=GOOD | changes)


def lines(boot: Volume, *others: Volume, initiator: str | None = None) -> tuple[str, ...]:
    return loading(iscsi_volumes(Volumes(boot=boot, others=others, initiator=initiator)))


def test_a_volume_is_attached_as_the_first_disk_and_booted() -> None:
    assert lines(volume()) == (
        "clear username ||",
        "clear password ||",
        f"sanhook --drive 0x80 iscsi:192.0.2.7::3260:1:{IQN} || goto retry",
        "sanboot --no-describe --drive 0x80 || goto retry",
    )


def test_logins_initiator_and_further_volumes_are_told() -> None:
    boot = volume(auth_username="ann", auth_password="ge||heim", target_lun=17)
    other = volume(target_iqn="iqn.2026-01.org.example:disk2")
    assert lines(boot, other, volume("fibre_channel"), initiator="iqn.2026-01.org.example:n1") == (
        "set initiator-iqn iqn.2026-01.org.example:n1 || goto retry",
        "set username ann",
        "set password ge||heim",
        f"sanhook --drive 0x80 iscsi:192.0.2.7::3260:11:{IQN} || goto retry",
        "clear username ||",
        "clear password ||",
        "sanhook --drive 0x81 iscsi:192.0.2.7::3260:1:iqn.2026-01.org.example:disk2 || goto retry",
        "set username ann",
        "set password ge||heim",
        "sanboot --no-describe --drive 0x80 || goto retry",
    )


def test_cinders_lists_lead_over_several_paths() -> None:
    found = volume(
        target_iqn=None,
        target_iqns=[IQN, IQN],
        target_lun=None,
        target_luns=[0, 0],
        target_portal=None,
        target_portals=["192.0.2.7:3260", "[2001:db8::1]:3261", "san.example"],
    )
    assert lines(found)[2] == (
        f"sanhook --drive 0x80 iscsi:192.0.2.7::3260:0:{IQN} iscsi:[2001:db8::1]::3261:0:{IQN} "
        f"iscsi:san.example:::0:{IQN} || goto retry"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target_iqn": None}, "target_iqn of the volume target is None"),
        ({"target_iqn": f"{IQN} ||\nreboot"}, "target_iqn"),
        ({"target_lun": -1}, "target_lun"),
        ({"target_lun": True}, "target_lun"),
        ({"target_lun": "99999"}, "target_lun"),
        ({"target_portal": "a b:1"}, "target_portal"),
        ({"target_portal": None}, "target_portal"),
        ({"target_portal": "${net0/ip}:1"}, "target_portal"),
        ({"target_portals": ["x"] * 9}, "target_portals"),
        ({"auth_password": "secret ${x}"}, "auth_password"),
        ({"auth_password": "secret\nreboot"}, "auth_password"),
        ({"auth_password": ["secret"]}, "auth_password"),
        ({"auth_username": "||"}, "auth_username"),
    ],
)
def test_what_cannot_stand_in_a_script_is_refused_without_its_secret(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        lines(volume(**changes))
    assert "secret" not in str(caught.value)


def test_only_iscsi_is_booted_and_names_of_initiators_are_checked() -> None:
    with pytest.raises(Invalid, match="is of type 'fibre_channel'"):
        lines(volume("fibre_channel"))
    with pytest.raises(Invalid, match="volume connector of type iqn"):
        lines(volume(), initiator="node 1")
    with pytest.raises(Invalid, match="no volume target has boot_index 0"):
        iscsi_volumes(Volumes(boot=None, others=(volume(),), initiator=None))
    assert "geheim" not in repr(
        iscsi_volumes(Volumes(boot=volume(auth_password="geheim"), others=(), initiator=None))
    )
