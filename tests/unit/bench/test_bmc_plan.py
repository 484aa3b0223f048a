"""Which BMCs the benchmark has, and what its rows say of them."""

from collections import Counter

import pytest

from controller.bmc.ipmi_target import parse_target as parse_ipmi
from controller.bmc.redfish_target import parse_target as parse_redfish
from tests.bench.bmc_results import wave_rows
from tests.bench.bmcs.plan import BenchBmc, Fault, Protocol, mixed_bmcs, well_bmcs


def test_five_hundred_have_the_faults_in_the_shares_that_are_named() -> None:
    bmcs = mixed_bmcs(500)
    assert Counter(bmc.protocol for bmc in bmcs) == {Protocol.IPMI: 250, Protocol.REDFISH: 250}
    assert Counter(bmc.fault for bmc in bmcs) == {
        Fault.NONE: 400,
        Fault.DEAD: 50,
        Fault.SLOW: 20,
        Fault.LOSSY: 20,
        Fault.WRONG_PASSWORD: 10,
    }


@pytest.mark.parametrize("count", [1, 20, 500, 2000])
def test_each_has_a_name_and_a_port_of_its_own(count: int) -> None:
    bmcs = mixed_bmcs(count)
    assert len({bmc.name for bmc in bmcs}) == len({bmc.port for bmc in bmcs}) == count


def test_the_drivers_can_read_where_they_are() -> None:
    (ipmi,), (redfish,) = well_bmcs(Protocol.IPMI, 1), well_bmcs(Protocol.REDFISH, 1)
    assert parse_ipmi(ipmi.driver_info("")).port == ipmi.port
    info = {**redfish.driver_info(""), "redfish_verify_ca": "false"}
    assert parse_redfish(info).url.endswith(f":{redfish.port}")


def test_a_kind_of_which_one_stays_off_has_no_time_for_all() -> None:
    bmcs = (
        *well_bmcs(Protocol.IPMI, 3),
        BenchBmc(number=3, protocol=Protocol.IPMI, fault=Fault.DEAD),
    )
    on_at = {"ipmi-0": 11.0, "ipmi-1": 12.0, "ipmi-2": 14.0, "ipmi-3": None}
    known_at = {"ipmi-0": 12.0, "ipmi-1": 13.0}
    all_well, well, dead = wave_rows(bmcs, 10.0, on_at, known_at)
    assert (well.on, well.half_on_s, well.all_on_s) == (3, 2.0, 4.0)
    assert (well.known, well.all_known_s) == (2, None)
    assert (all_well.nodes, all_well.all_on_s) == (3, 4.0)
    assert (dead.on, dead.half_on_s, dead.all_on_s, dead.all_known_s) == (0, None, None, None)
