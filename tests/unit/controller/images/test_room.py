"""What goes for a new image: always enough, never what is nowhere else, and nothing more than needed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.images.kept_files import StoreFull
from controller.images.room import Kept, Room, make_room

COPIES = st.lists(
    st.tuples(st.integers(1, 100), st.integers(0, 50), st.booleans()), max_size=8
).map(
    lambda rows: [
        Kept(uuid=f"u{n}", name=f"n{n}", size_bytes=size, used_at=used, can_go=can_go)
        for n, (size, used, can_go) in enumerate(rows)
    ]
)
ROOMS = st.builds(
    Room,
    most_bytes=st.integers(0, 400),
    free_bytes=st.integers(0, 400),
    left_free_bytes=st.integers(0, 50),
)


def fits(wanted: int, kept: list[Kept], gone: set[str], room: Room) -> bool:
    stays = sum(one.size_bytes for one in kept if one.uuid not in gone)
    freed = sum(one.size_bytes for one in kept if one.uuid in gone)
    is_in_limit = not room.most_bytes or stays + wanted <= room.most_bytes
    return is_in_limit and room.free_bytes + freed - wanted >= room.left_free_bytes


@given(wanted=st.integers(1, 200), kept=COPIES, room=ROOMS)
def test_there_is_room_afterwards_or_it_is_refused(
    wanted: int, kept: list[Kept], room: Room
) -> None:
    replaceable = {one.uuid for one in kept if one.can_go}
    try:
        gone = make_room(wanted, kept, room)
    except StoreFull:
        assert not fits(wanted, kept, replaceable, room)
        return
    assert set(gone) <= replaceable
    assert fits(wanted, kept, set(gone), room)
    assert not gone or not fits(wanted, kept, set(gone[:-1]), room)
    used = {one.uuid: one.used_at for one in kept}
    assert all(used[one] <= used[other] for one in gone for other in replaceable - set(gone)), (
        "the one that was used last goes last"
    )


def test_the_refusal_says_the_numbers() -> None:
    mib = 1 << 20
    kept = [Kept(uuid="u", name="n", size_bytes=5 * mib, used_at=1, can_go=False)]
    room = Room(most_bytes=8 * mib, free_bytes=100 * mib, left_free_bytes=mib)
    with pytest.raises(StoreFull, match=r"4 MiB more do not fit.*allows 8 MiB.*5 MiB in it"):
        make_room(4 * mib, kept, room)
