from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import AgentError
from hardware_managers.generic.collectors.dmi import dmi, parse_dmidecode
from tests.unit.fakes import FakeRunner

RECORDED = (Path(__file__).parents[4] / "data/dmidecode/two-sockets.txt").read_text()


def test_a_machines_firmware_processors_and_memory_are_told() -> None:
    found = dmi(FakeRunner({"dmidecode -t bios -t processor -t memory": RECORDED}))["dmi"]
    assert found["bios"]["Vendor"] == "SeaBIOS"
    assert found["bios"]["Characteristics"] == [
        "BIOS characteristics not supported",
        "Targeted content distribution is supported",
    ]
    assert [one["Socket Designation"] for one in found["cpu"]] == ["CPU 0", "CPU 1"]
    assert found["cpu"][0]["Handle"] == "Handle 0x0400, DMI type 4, 42 bytes"
    assert found["memory"]["Number Of Devices"] == 1
    assert "Handle" not in found["memory"]
    (device,) = found["memory"]["devices"]
    assert (device["Size"], device["Manufacturer"]) == ("512 MB", "ACME")


def test_the_devices_of_several_arrays_are_counted_together() -> None:
    array = "Handle 0x10{0}, DMI type 16, 23 bytes\nPhysical Memory Array\n\tUse: {0}\n\tNumber Of Devices: 8\n\n"
    memory = parse_dmidecode(array.format("00") + array.format("01"))["memory"]
    assert (memory["Use"], memory["Number Of Devices"]) == ("00", 16)


def test_a_machine_without_smbios_says_so() -> None:
    with pytest.raises(AgentError, match="No SMBIOS nor DMI entry point found"):
        parse_dmidecode("# dmidecode 3.4\n# No SMBIOS nor DMI entry point found, sorry.\n")


@given(st.text(max_size=300))
def test_no_text_breaks_the_parser(noise: str) -> None:
    parse_dmidecode(f"Handle 0x0000, DMI type 0, 24 bytes\nBIOS\n\tVendor: x\n\t\t{noise}\n{noise}")
