"""The qcow2 reader maps every byte once, and refuses whatever is odd, without reading beyond the file."""

import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ImageError
from agent.images.formats import qcow2_header, qcow2_map

CLUSTER = 4096
PER_TABLE = CLUSTER // 8


def header(**changes: int) -> bytes:
    """Return a version 3 header; ``changes`` by field name."""
    values = {
        "version": 3,
        "backing": 0,
        "backing_bytes": 0,
        "bits": 12,
        "virtual": 8 * CLUSTER,
        "crypt": 0,
        "l1_entries": 1,
        "l1_at": CLUSTER,
        "refcounts_at": 0,
        "refcount_clusters": 0,
        "snapshots": 0,
        "snapshots_at": 0,
        "incompatible": 0,
        "compatible": 0,
        "autoclear": 0,
        "order": 4,
        "header_bytes": 112,
    } | changes
    return (b"QFI\xfb" + struct.pack(">IQIIQIIQQIIQQQQII", *values.values())).ljust(CLUSTER, b"\0")


def image(entries: list[int], clusters: int = 16, **changes: int) -> bytes:
    """Return a file with one L2 table in its third cluster."""
    l1 = struct.pack(">Q", 2 * CLUSTER | 1 << 63).ljust(CLUSTER, b"\0")
    l2 = struct.pack(f">{len(entries)}Q", *entries).ljust(CLUSTER, b"\0")
    return (header(**changes) + l1 + l2).ljust(clusters * CLUSTER, b"\1")


def packed_at(at: int, sectors: int = 0) -> int:
    """Return the entry of a compressed cluster at byte ``at`` that goes on for ``sectors`` behind its first."""
    return 1 << 62 | sectors << (62 - (12 - 8)) | at


def read_map(file: bytes) -> qcow2_map.Map:
    def read(start: int, size: int) -> bytes:
        assert start >= 0
        assert start + size <= len(file), "read beyond the file's end"
        return file[start : start + size]

    return qcow2_map.read_map(qcow2_header.read_header(file[:65536], len(file)), read)


def test_neighbours_are_joined_zeros_are_gaps_and_the_order_is_that_of_the_file() -> None:
    entries = [5 * CLUSTER, 6 * CLUSTER, 0, 3 * CLUSTER, 1, 0, 4 * CLUSTER | 1]
    found = read_map(image(entries))
    assert list(found.plain) == [
        (3 * CLUSTER, 3 * CLUSTER, CLUSTER),
        (5 * CLUSTER, 0, 2 * CLUSTER),
    ]
    assert list(found.gaps()) == [(2 * CLUSTER, 3 * CLUSTER), (4 * CLUSTER, 8 * CLUSTER)]


def test_compressed_clusters_end_on_a_sector() -> None:
    shift = 62 - (12 - 8)
    entry = 1 << 62 | 2 << shift | (3 * CLUSTER + 100)
    found = read_map(image([entry]))
    assert list(found.compressed) == [(3 * CLUSTER + 100, 0, 3 * 512 - 100)]


def test_compressed_clusters_may_share_a_sector() -> None:
    entries = [packed_at(3 * CLUSTER, 1), packed_at(3 * CLUSTER + 700), 4 * CLUSTER]
    assert [at for at, _, _ in read_map(image(entries)).compressed] == [
        3 * CLUSTER,
        3 * CLUSTER + 700,
    ]


def test_the_last_cluster_is_cut_at_the_disks_end() -> None:
    found = read_map(image([0, 3 * CLUSTER], virtual=CLUSTER + 512))
    assert list(found.plain) == [(3 * CLUSTER, CLUSTER, 512)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 4}, "version 4"),
        ({"backing": 112}, "backing file"),
        ({"crypt": 1}, "encrypted"),
        ({"crypt": 2}, "encrypted"),
        ({"incompatible": 4}, "another file"),
        ({"incompatible": 2}, "corrupt"),
        ({"incompatible": 16, "bits": 13}, "too small for extended L2"),
        ({"incompatible": 1 << 40}, "unknown features"),
        ({"incompatible": 8, "header_bytes": 104}, "names no compression type"),
        ({"bits": 8}, "not allowed"),
        ({"bits": 22}, "not allowed"),
        ({"bits": 4_000_000_000}, "not allowed"),
        ({"virtual": 0}, "absurd"),
        ({"virtual": 1 << 63}, "absurd"),
        ({"virtual": 1 << 40}, "L1 entries, but"),
        ({"virtual": 1 << 42, "l1_entries": 1 << 21}, "too large"),
        ({"l1_at": 1 << 60}, "beyond the file's end"),
    ],
)
def test_a_header_that_cannot_be_trusted_is_refused(changes: dict[str, int], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_map(image([], **changes))


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([100 * CLUSTER], "beyond the file's end"),
        ([3 * CLUSTER + 512], "not aligned"),
        ([3 * CLUSTER, 0, 3 * CLUSTER], "used twice"),
        ([1 << 62 | 200 * CLUSTER], "beyond the file's end"),
        ([0, 2 * CLUSTER], "used twice"),
        ([CLUSTER], "used twice"),
        ([packed_at(0)], "used twice"),
        ([packed_at(CLUSTER + 7)], "used twice"),
        ([packed_at(3 * CLUSTER + 600), 3 * CLUSTER], "used twice"),
        ([3 * CLUSTER, packed_at(3 * CLUSTER - 200, sectors=1)], "used twice"),
        ([packed_at(3 * CLUSTER), packed_at(3 * CLUSTER)], "used twice"),
        ([packed_at(3 * CLUSTER, sectors=3), packed_at(3 * CLUSTER + 700)], "used twice"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused(entries: list[int], reason: str) -> None:
    with pytest.raises(ImageError, match=reason):
        read_map(image(entries))


def test_an_l2_table_beyond_the_file_is_refused() -> None:
    file = bytearray(image([]))
    file[CLUSTER : CLUSTER + 8] = struct.pack(">Q", 1 << 40)
    with pytest.raises(ImageError, match=r"L2 table.*beyond"):
        read_map(bytes(file))


def test_bytes_that_are_no_qcow2_are_refused() -> None:
    with pytest.raises(ImageError, match="not a qcow2"):
        qcow2_header.read_header(b"QFI\xfb", 4)


@given(
    st.lists(
        st.one_of(
            st.just(0),
            st.just(1),
            st.integers(3, 15).map(lambda n: n * CLUSTER),
            st.integers(3 * CLUSTER, 15 * CLUSTER).map(lambda at: at | 1 << 62),
            st.integers(0, (1 << 64) - 1),
        ),
        max_size=8,
    ),
    st.integers(1, 8 * CLUSTER // 512),
)
def test_whatever_the_tables_say_every_byte_is_mapped_once_or_the_image_is_refused(
    entries: list[int], sectors: int
) -> None:
    try:
        found = read_map(image(entries, virtual=sectors * 512))
    except ImageError:
        return
    covered = sorted(
        [(disk, disk + size) for _, disk, size in found.plain]
        + [(disk, min(disk + CLUSTER, sectors * 512)) for _, disk, _ in found.compressed]
        + list(found.gaps())
    )
    assert covered[0][0] == 0
    assert covered[-1][1] == sectors * 512
    assert all(left[1] == right[0] for left, right in pairwise(covered))
    for file, _, size in (*found.plain, *found.compressed):
        assert 0 < size <= 8 * CLUSTER
        assert file + size <= 16 * CLUSTER


@given(st.binary(min_size=100, max_size=100))
def test_any_header_is_understood_or_refused(rest: bytes) -> None:
    file = (b"QFI\xfb" + rest).ljust(16 * CLUSTER, b"\0")
    try:
        read_map(file)
    except ImageError:
        return
