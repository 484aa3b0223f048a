"""What one address and one user may have of the SSH port."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from controller.console_ssh.crowd import Crowd, Guest, Phase

_GUESTS = st.builds(
    Guest,
    party=st.sampled_from([None, "192.0.2.1", "192.0.2.2"]),
    user=st.sampled_from([None, "ann", "eve"]),
    is_operator=st.booleans(),
)


@given(st.integers(1, 40), st.lists(_GUESTS, max_size=200))
def test_nobody_has_more_than_a_share(most: int, guests: list[Guest]) -> None:
    crowd, waiting, inside = Crowd(most), list[Guest](), list[Guest]()
    for guest in guests:
        if crowd.why_not_in(guest) is None:
            waiting.append(guest)
            if (gone := crowd.gives_way()) is not None:
                crowd.leave(gone)
                waiting.remove(gone)
    without = max(16, most)
    assert len(waiting) <= without
    for party, count in Counter(one.party for one in waiting).items():
        assert party is None or count <= without // 4
    inside = [one for one in waiting if crowd.why_no_session(one) is None]
    assert len(inside) <= most
    asked = [one for one in inside if not one.is_operator]
    for user, count in Counter(one.user for one in asked).items():
        assert user is None or count <= max(1, most // 4)
    for party, count in Counter(one.party for one in asked).items():
        assert party is None or count <= max(1, most // 4)


def test_who_fills_the_port_makes_room_and_not_the_one_who_comes() -> None:
    crowd = Crowd(16)
    silent = [Guest(party=None) for _ in range(13)]
    for one in silent:
        crowd.why_not_in(one)
    others = [Guest(party=f"192.0.2.{number}") for number in range(20)]
    for one in others:
        assert crowd.why_not_in(one) is None
        if (gone := crowd.gives_way()) is not None:
            assert gone in silent
            crowd.leave(gone)
            silent.remove(gone)
        crowd.why_no_session(one)


def test_users_with_all_their_sessions_leave_room_for_an_operator() -> None:
    crowd = Crowd(8)
    for _ in range(20):
        crowd.why_no_session(_come(crowd, Guest(party=None, user="eve")))
    keys = [_come(crowd, Guest(party=None, is_operator=True)) for _ in range(6)]
    assert [crowd.why_no_session(one) for one in keys] == [None] * 6
    assert "8 sessions are open already" in str(
        crowd.why_no_session(_come(crowd, Guest(party=None, user="ann")))
    )
    keys[0].phase = Phase.LEAVING
    assert crowd.why_no_session(_come(crowd, Guest(party=None, user="ann"))) is None


def _come(crowd: Crowd, guest: Guest) -> Guest:
    crowd.why_not_in(guest)
    return guest
