from controller.client.times import Marker, Row, rows
from tests.lab.demo.timetable import boot_markers

RAMDISK_BOOT = (
    (10.0, "iPXE initialising devices...ok"),
    (13.0, "http://172.30.1.1:6385/boot/ipxe... ok"),
    (13.5, "http://172.30.1.1:6385/boot/ipxe/script?mac=... ok"),
    (24.0, "ingot: init started after 4.0 s"),
    (26.0, "ingot: network up after 5.9 s"),
    (30.0, "ingot-agent: serving after 9.8 s of uptime"),
)


def test_each_marker_counts_once_at_its_first_appearance() -> None:
    markers = boot_markers(RAMDISK_BOOT, of_system=False)
    assert [marker.time_s for marker in markers] == [10.0, 13.0, 20.0, 24.0, 26.0, 30.0]


def test_rows_add_up_to_the_whole_time_even_when_a_marker_is_missing() -> None:
    markers = boot_markers(
        [line for line in RAMDISK_BOOT if "network" not in line[1]], of_system=False
    )
    table = rows(6.0, (*markers, Marker(time_s=42.0, name="steps")))
    assert sum(row.seconds for row in table) == 36.0
    assert table[0] == Row(name="firmware", seconds=4.0)
    assert table[-1] == Row(name="steps", seconds=12.0)


def test_markers_before_the_start_are_of_another_boot() -> None:
    assert rows(12.0, (Marker(time_s=10.0, name="firmware"), Marker(time_s=13.0, name="DHCP"))) == (
        Row(name="DHCP", seconds=1.0),
    )


def test_a_login_prompt_ends_the_first_boot() -> None:
    lines = ((50.0, "[    0.000000] Linux version 6.1"), (61.0, "node-1-deployed login: "))
    assert [marker.time_s for marker in boot_markers(lines, of_system=True)] == [50.0, 61.0]
