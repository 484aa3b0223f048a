"""A node's wishes for a burn-in: defaults, every key, and an error that names the key."""

from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidRequest
from hardware_managers.burnin import orders

PAIR = {"agent_burnin_fio_network_config": {"role": "writer", "partner": "192.0.2.7"}}


def test_a_node_that_says_nothing_gets_the_defaults_of_ironics_agent() -> None:
    assert orders.cpu_order({}) == orders.CpuOrder(workers=0, timeout_s=86400)
    assert orders.memory_order({}) == orders.MemoryOrder(workers=0, size="98%", timeout_s=86400)
    assert orders.disk_order({}) == orders.DiskOrder(loops=4, runtime_s=0, runs_smart_test=False)
    assert orders.network_order(PAIR).runtime_s == 21600


def test_every_key_is_read() -> None:
    told = {
        "agent_burnin_cpu_cpu": "2",
        "agent_burnin_cpu_timeout": 60,
        "agent_burnin_cpu_outputfile": "/var/log/cpu.yaml",
    }
    file = PurePosixPath("/var/log/cpu.yaml")
    assert orders.cpu_order(told) == orders.CpuOrder(workers=2, timeout_s=60, output_file=file)
    memory = orders.memory_order({"agent_burnin_vm_vm-bytes": "4g", "agent_burnin_vm_vm": 3})
    assert (memory.size, memory.workers) == ("4g", 3)
    disk = orders.disk_order({"agent_burnin_fio_disk_smart_test": "True"})
    assert disk.runs_smart_test


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("agent_burnin_cpu_cpu", -1),
        ("agent_burnin_cpu_cpu", True),
        ("agent_burnin_cpu_timeout", "ten"),
        ("agent_burnin_cpu_timeout", 0),
        ("agent_burnin_cpu_outputfile", "cpu.yaml"),
        ("agent_burnin_cpu_outputfile", "/dev/sda"),
        ("agent_burnin_cpu_outputfile", "/tmp/../dev/sda"),
        ("agent_burnin_cpu_outputfile", ["/tmp/x"]),
    ],
)
def test_a_value_that_cannot_be_used_is_named(key: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match=key):
        orders.cpu_order({key: value})


@pytest.mark.parametrize("size", ["101%", "0", "4 g", "--help", "", "98%;reboot"])
def test_a_size_of_memory_that_the_program_would_misread_is_refused(size: str) -> None:
    with pytest.raises(InvalidRequest, match="vm_vm-bytes"):
        orders.memory_order({"agent_burnin_vm_vm-bytes": size})


@pytest.mark.parametrize(
    "pair", [None, "writer", {}, {"role": "both", "partner": "a"}, {"role": "reader"}]
)
def test_a_network_burnin_needs_a_pair(pair: Any) -> None:
    with pytest.raises(InvalidRequest, match="agent_burnin_fio_network_config"):
        orders.network_order({"agent_burnin_fio_network_config": pair})


def test_pairing_through_another_service_says_what_to_write_instead() -> None:
    key = "agent_burnin_fio_network_pairing_backend_url"
    with pytest.raises(InvalidRequest, match='"role": "writer"'):
        orders.network_order({key: "etcd3://192.0.2.9"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=4,
)


@given(value=JSON)
def test_whatever_a_partner_is_it_is_never_taken_for_an_option(value: Any) -> None:
    config = {"role": "writer", "partner": value}
    try:
        order = orders.network_order({"agent_burnin_fio_network_config": config})
    except InvalidRequest:
        return
    assert order.partner[0] not in "-/"
    assert order.partner.isprintable()
