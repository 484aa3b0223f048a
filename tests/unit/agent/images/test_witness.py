import random
import threading
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.images.proof.read_back import windows
from agent.images.proof.witness import (
    Claim,
    Reservoir,
    SampleWitness,
    Verification,
    WholeWitness,
    make_witness,
)

KIB = 1 << 10


def view(data: bytes) -> memoryview:
    return memoryview(data)


def test_a_whole_witness_claims_every_byte_and_joins_neighbours() -> None:
    witness = WholeWitness()
    data = random.Random(1).randbytes(600 * KIB)
    for start in range(0, len(data), 50 * KIB):
        witness.saw_write(view(data[start : start + 50 * KIB]), 1 << 20 | start)
    witness.saw_zeros(0, 512 * KIB)
    witness.saw_zeros(512 * KIB, 1 << 20)
    claims = list(witness.claims())
    sizes = [claim.size_bytes // KIB for claim in claims]
    assert sizes == [1024, 256, 256, 88]
    assert witness.claimed_bytes == (1024 + 600) * KIB
    for claim in claims[1:]:
        start = claim.start_byte - (1 << 20)
        assert claim.expected == zlib.crc32(data[start : start + claim.size_bytes])


@settings(max_examples=30)
@given(st.permutations(range(24)), st.integers(1, 90))
def test_claims_hold_for_any_order_of_the_writes(order: list[int], piece_kib: int) -> None:
    piece = piece_kib * KIB
    data = random.Random(2).randbytes(24 * piece)
    witness = WholeWitness()
    for number in order:
        start = number * piece
        witness.saw_write(view(data[start : start + piece]), start)
    end = 0
    for claim in witness.claims():
        assert claim.start_byte == end
        end = claim.end_byte
        assert claim.difference(view(data[claim.start_byte : end])) is None
    assert end == len(data)


def test_blocks_that_grow_from_several_threads_keep_their_sums() -> None:
    witness = WholeWitness()
    data = random.Random(3).randbytes(4 << 20)
    quarter = len(data) // 4

    def write(base: int) -> None:
        for start in range(base, base + quarter, 4 * KIB):
            witness.saw_write(view(data[start : start + 4 * KIB]), start)

    threads = [threading.Thread(target=write, args=(n * quarter,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    claims = list(witness.claims())
    assert sum(claim.size_bytes for claim in claims) == len(data)
    for claim in claims:
        assert claim.difference(view(data[claim.start_byte : claim.end_byte])) is None


def test_a_whole_witness_names_the_block_that_differs() -> None:
    witness = WholeWitness()
    data = bytearray(random.Random(4).randbytes(300 * KIB))
    witness.saw_write(view(bytes(data)), 0)
    first, second = witness.claims()
    data[290 * KIB] ^= 1
    assert first.difference(view(bytes(data[: first.end_byte]))) is None
    place = second.difference(view(bytes(data[first.end_byte :])))
    assert place == f"one of the {44 * KIB} bytes from byte {256 * KIB} on"


def test_a_sample_names_the_very_byte() -> None:
    claim = Claim(4096, 512, b"a" * 512)
    assert claim.difference(view(b"a" * 512)) is None
    assert claim.difference(view(b"a" * 77 + b"b" * 435)) == "byte 4173"
    zeros = Claim(8192, 512, None)
    assert zeros.difference(view(bytes(511) + b"x")) == "byte 8703"


def test_a_sample_is_bounded_and_true() -> None:
    witness = SampleWitness(random.Random(5))
    data = random.Random(6).randbytes(64 * KIB)
    for number in range(5000):
        witness.saw_write(view(data), number * len(data))
        witness.saw_zeros((5000 + number) << 16, (5001 + number) << 16)
    claims = list(witness.claims())
    assert len(claims) == 64 + 16
    assert witness.claimed_bytes == 80 * 32 * KIB
    assert [claim.start_byte for claim in claims] == sorted(claim.start_byte for claim in claims)
    for claim in claims[:64]:
        start = claim.start_byte % len(data)
        assert claim.expected == data[start : start + claim.size_bytes]


def test_a_small_image_is_sampled_completely() -> None:
    witness = make_witness(Verification.SAMPLE, random.Random(7))
    for number in range(10):
        witness.saw_write(view(b"x" * 4096), number * 4096)
    assert witness.claimed_bytes == 10 * 4096


def test_every_item_of_a_stream_is_kept_with_the_same_chance() -> None:
    source = random.Random(8)
    counts = [0] * 40
    for _ in range(1000):
        reservoir = Reservoir(10, source)
        kept: dict[int, int] = {}
        for item in range(40):
            if (place := reservoir.place()) is not None:
                kept[place] = item
        assert len(kept) == 10
        for item in kept.values():
            counts[item] += 1
    # 250 expected each, standard deviation 14; the source is seeded
    assert min(counts) > 180
    assert max(counts) < 320


def test_nothing_is_claimed_when_nothing_is_wanted() -> None:
    witness = make_witness(Verification.NONE)
    witness.saw_write(view(b"x"), 0)
    witness.saw_zeros(1, 2)
    assert list(witness.claims()) == []


@pytest.mark.parametrize("gap", [0, 1])
def test_windows_hold_neighbours_up_to_four_mib(gap: int) -> None:
    mib = 1 << 20
    claims = [Claim(n * (mib + gap), mib, None) for n in range(10)]
    sizes = [len(window) for window in windows(iter(claims))]
    assert sizes == ([4, 4, 2] if gap == 0 else [1] * 10)
