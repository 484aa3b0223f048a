"""Calls to BMCs are counted by what came of them, and a connection keeps its abilities."""

import pytest

from controller.errors import BmcAuthenticationFailed, BmcError, BmcUnreachable
from controller.hardware.abilities import HasIndicators, HasVirtualMedia, Interrupts
from controller.workflow.measures import BOUNDS_S, CallKey, Measures
from controller.workflow.timed_bmc import timed


class Connection:
    """Has one ability, and fails as it is told."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.refusal = BmcError
        self.places: list[float] = []

    def told(self) -> str:
        return "asks nobody"

    def health(self, *, timeout_s: float) -> str:
        return "OK"

    def inject_nmi(self, *, timeout_s: float) -> str:
        self.places.append(timeout_s)
        if self.error:
            raise self.error
        return "done"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "ok"),
        (BmcUnreachable("silent"), "unreachable"),
        (BmcAuthenticationFailed("no"), "login refused"),
        (BmcError("nonsense"), "error"),
        (ValueError("a fault of a plug-in"), "error"),
    ],
)
def test_every_outcome_is_counted_and_passed_on(error: Exception | None, outcome: str) -> None:
    measures, connection = Measures(), Connection(error)
    bmc = timed(connection, "redfish", measures)
    if error is None:
        assert bmc.inject_nmi(timeout_s=3.0) == "done"
    else:
        with pytest.raises(type(error)):
            bmc.inject_nmi(timeout_s=3.0)
    assert connection.places == [3.0]
    (counted,) = measures.calls().items()
    assert counted[0] == CallKey("redfish", outcome)
    assert counted[1].count == 1


def test_what_asks_nobody_is_not_counted_and_what_an_object_has_of_its_own_is_there() -> None:
    measures = Measures()
    bmc = timed(Connection(), "redfish", measures)
    assert (bmc.told(), bmc.health(timeout_s=1.0)) == ("asks nobody", "OK")
    assert bmc.refusal is BmcError
    assert not measures.calls()
    with pytest.raises(AttributeError, match="unknown"):
        _ = bmc.unknown


def test_abilities_are_those_of_the_connection() -> None:
    bmc = timed(Connection(), "redfish", Measures())
    assert isinstance(bmc, Interrupts)
    assert not isinstance(bmc, HasVirtualMedia | HasIndicators)


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.0100001, 59.9, 60.0, 61.0, 1e9])
def test_a_time_counts_in_the_first_group_that_holds_it(seconds: float) -> None:
    measures = Measures()
    measures.note_call(CallKey("redfish", "ok"), seconds)
    (times,) = measures.calls().values()
    (place,) = [number for number, count in enumerate(times.counts) if count]
    assert place == sum(bound < seconds for bound in BOUNDS_S)
    assert times.seconds == seconds
