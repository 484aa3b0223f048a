"""Boot entries are planned from the ESP's files and the firmware's entries."""

import pytest

from agent.boot.plan import (
    BootEntry,
    FirmwareState,
    Loader,
    choose_csv,
    choose_loader,
    entries_to_remove,
    find_created,
    loader_from_csv,
    order_with_first,
    parse_efibootmgr,
)
from agent.disks.partition_table import Partition

ESP = "0a1b2c3d-0000-4000-8000-000000000001"
SHOWN = (
    "BootCurrent: 0001\nTimeout: 0 seconds\nBootOrder: 0003,0001,0000\n"
    "Boot0000* UiApp\tFvVol(7cb8bdc9)/FvFile(462caa21)\n"
    "Boot0001* UEFI PXEv4 (MAC:525400123456)\tPciRoot(0x0)/Pci(0x3,0x0)/MAC(525400123456,1)/IPv4(0.0.0.0)\n"
    f"Boot0003  debian\tHD(2,GPT,{ESP},0x1000,0x18000)/File(\\EFI\\debian\\shimx64.efi)\n"
)
FILES = ("/EFI/BOOT/BOOTX64.EFI", "/EFI/debian/BOOTX64.CSV", "/EFI/debian/shimx64.efi")


def test_the_output_of_efibootmgr_is_parsed() -> None:
    state = parse_efibootmgr(SHOWN)
    assert state.order == ("0003", "0001", "0000")
    assert [entry.label for entry in state.entries] == [
        "UiApp",
        "UEFI PXEv4 (MAC:525400123456)",
        "debian",
    ]
    assert ESP in state.entries[2].path


def test_a_firmware_without_entries_is_parsed() -> None:
    state = parse_efibootmgr("No BootOrder is set; firmware will attempt recovery\n")
    assert state == FirmwareState(entries=(), order=())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8"])
def test_a_csv_names_a_loader_beside_it_and_its_label(encoding: str) -> None:
    csv = choose_csv(FILES, "x86_64")
    assert csv == "/EFI/debian/BOOTX64.CSV"
    content = "gone.efi,gone,,\r\nSHIMX64.EFI,debian,,This is the boot entry\r\n".encode(encoding)
    assert loader_from_csv(csv, content, FILES) == Loader(
        path="\\EFI\\debian\\shimx64.efi", label="debian"
    )


def test_a_csv_that_names_nothing_there_gives_no_loader() -> None:
    assert loader_from_csv("/EFI/debian/BOOTX64.CSV", b"gone.efi,x,,\n", FILES) is None
    assert loader_from_csv("/EFI/debian/BOOTX64.CSV", b"\xff\xfe\x00", FILES) is None


@pytest.mark.parametrize(
    ("files", "machine", "path"),
    [
        (
            ("/EFI/debian/grubx64.efi", "/efi/boot/bootx64.efi"),
            "x86_64",
            "\\efi\\boot\\bootx64.efi",
        ),
        (("/EFI/d/grubx64.efi", "/EFI/d/shimx64.efi"), "x86_64", "\\EFI\\d\\shimx64.efi"),
        (("/EFI/Microsoft/Boot/bootmgfw.efi",), "x86_64", "\\EFI\\Microsoft\\Boot\\bootmgfw.efi"),
        (("/EFI/BOOT/BOOTAA64.EFI",), "aarch64", "\\EFI\\BOOT\\BOOTAA64.EFI"),
    ],
)
def test_without_a_csv_the_removable_path_comes_before_known_names(
    files: tuple[str, ...], machine: str, path: str
) -> None:
    loader = choose_loader(files, machine)
    assert loader is not None
    assert loader.path == path
    assert loader.label == "ingot"


def test_a_loader_for_another_processor_is_none() -> None:
    assert choose_loader(("/EFI/BOOT/BOOTAA64.EFI",), "x86_64") is None
    assert choose_csv(("/EFI/d/BOOTAA64.CSV",), "x86_64") is None


SHIM = "\\EFI\\debian\\shimx64.efi"
PART = Partition(
    number=2,
    start_byte=0x1000 * 512,
    size_bytes=0x18000 * 512,
    id_text=ESP,
    is_esp=True,
)


def state_of(*paths: str, labels: tuple[str, ...] = ()) -> FirmwareState:
    names = labels or tuple(f"label {number}" for number, _ in enumerate(paths))
    found = zip(names, paths, strict=True)
    return FirmwareState(
        entries=tuple(
            BootEntry(number=f"{number:04}", label=label, path=path)
            for number, (label, path) in enumerate(found)
        ),
        order=(),
    )


def removed(
    state: FirmwareState, others: set[str] | None = None, label: str = "debian"
) -> list[str]:
    loader = Loader(path=SHIM, label=label, files=(SHIM, "\\EFI\\BOOT\\BOOTX64.EFI"))
    return [entry.number for entry in entries_to_remove(state, loader, PART, others)]


def hd(identity: str, file: str = SHIM, place: str = "0x1000,0x18000", number: int = 2) -> str:
    return f"HD({number},GPT,{identity},{place})/File({file})"


HERE, GONE = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"


def test_entries_of_the_same_label_and_our_own_are_replaced_unless_they_lead_to_another_disk() -> (
    None
):
    labels = ("network", "Debian", "ingot", "debian", "x")
    state = state_of("MAC(..)", hd(GONE), hd(GONE), hd(HERE), hd(HERE), labels=labels)
    assert removed(state, {HERE}) == ["0001", "0002"]
    assert removed(state, None) == ["0001", "0002", "0003"]  # as Ironic's agent does


def test_of_the_same_partition_duplicates_and_missing_files_are_replaced() -> None:
    state = state_of(
        hd(ESP.upper()),
        hd(ESP, "\\EFI\\gone.efi"),
        hd(ESP, "\\EFI\\BOOT\\bootx64.efi"),
        hd(ESP, "x"),
    )
    assert removed(state) == ["0000", "0001"]


def test_an_earlier_deployment_to_the_same_place_is_replaced_and_a_disk_that_is_absent_is_not() -> (
    None
):
    state = state_of(
        hd(GONE),
        hd(HERE),
        hd(GONE, place="0x800,0x100"),
        hd(GONE, number=1),
        hd(GONE, "\\EFI\\redhat\\shimx64.efi"),
        f"PciRoot(0x0)/Pci(0x1,0x0)/{hd(GONE)}",
        "HD(1,MBR,0x12345678,0x800,0x100)/File(x)",
        "PciRoot(0x0)/Pci(0x3,0x0)/MAC(525400000001,1)/IPv4(0.0.0.0)",
        hd(GONE, place="0x200,0x3000"),  # the same, in sectors of 4096 bytes
    )
    assert removed(state, {HERE}) == ["0000", "0008"]
    assert removed(state, None) == []


def test_the_order_has_the_new_entry_first_and_every_other_once() -> None:
    entries = tuple(BootEntry(number=f"000{n}", label="x", path="") for n in range(3))
    state = FirmwareState(entries=entries, order=("0001", "0002", "0009", "0001", "0000", "0002"))
    assert order_with_first(state, ["0002"]) == ("0002", "0001", "0000")


def test_a_created_entry_is_recognised_by_label_path_and_partition() -> None:
    state = parse_efibootmgr(SHOWN)
    loader = Loader(path="\\EFI\\debian\\shimx64.efi", label="debian")
    found = find_created(state, loader, ESP)
    assert found is not None
    assert found.number == "0003"
    assert find_created(state, loader, "other") is None
    assert find_created(state, Loader(path="\\x.efi", label="debian"), ESP) is None
