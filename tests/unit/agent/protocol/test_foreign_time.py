"""Whatever time another clock tells, it is within the calendar or none."""

import math
import time
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from agent.protocol.foreign_time import believable

NOW = time.time()


@given(st.floats() | st.integers())
@example(math.nan)
@example(253402383599.0)
@example(-1e-9)
def test_what_is_believed_can_be_shown_and_is_not_of_the_future(told: float) -> None:
    found = believable(told, NOW)
    if found is None:
        assert not 0 <= told <= NOW + 86400
    else:
        assert found == told
        assert 1970 <= datetime.fromtimestamp(found, UTC).year <= datetime.now(UTC).year + 1


def test_no_time_is_none_and_a_clock_of_another_zone_is_believed() -> None:
    assert believable(None, NOW) is None
    for hours in (-14, -1, 0, 1, 14):
        assert believable(NOW + 3600 * hours, NOW) == NOW + 3600 * hours
