"""Collectors side by side: what one of them does wrong costs nobody else's part."""

import threading
from collections.abc import Mapping
from typing import Any, cast

import pytest

from agent.errors import AgentError
from agent.hardware.collecting import CollectContext, Collector
from agent.hardware.reading import MachineView
from agent.inspection.collection import run, select, told
from tests.unit.fakes import FakeRunner

CONTEXT = CollectContext(hardware=cast("MachineView", None), runner=FakeRunner({}))


def collector(name: str, part: Mapping[str, Any], **more: Any) -> Collector:
    return Collector(name=name, collect=lambda _: part, **more)


def failing(error: Exception) -> Collector:
    def fail(_context: CollectContext) -> Mapping[str, Any]:
        raise error

    return Collector(name="bad", collect=fail)


def test_parts_are_put_together() -> None:
    done = run([collector("a", {"x": 1}), collector("b", {"y": [2]})], CONTEXT)
    assert (done.parts, done.failures) == ({"x": 1, "y": [2]}, {})


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (failing(AgentError("dmidecode: not found")), "dmidecode: not found"),
        (failing(ZeroDivisionError("oops")), "ZeroDivisionError: oops"),
        (collector("bad", {"z": "x" * 3000}, most_bytes=2000), "more than the 2000 that are sent"),
        (collector("bad", {"z": object()}), "cannot be sent"),
        (collector("bad", {"x": 2}), "x comes from another collector already"),
    ],
)
def test_a_failure_is_told_and_the_other_parts_are_kept(bad: Collector, why: str) -> None:
    done = run([collector("a", {"x": 1}), bad], CONTEXT)
    assert done.parts == {"x": 1}
    assert why in done.failures["bad"]
    assert told(done.failures)[0].startswith("collector bad: ")


def test_nobody_waits_longer_for_a_collector_than_its_deadline() -> None:
    never = threading.Event()

    def hang(_context: CollectContext) -> Mapping[str, Any]:
        never.wait(60)
        return {"late": True}

    hanging = Collector(name="slow", collect=hang, timeout_s=0.05)
    done = run([hanging, collector("a", {"x": 1})], CONTEXT)
    never.set()
    assert done.parts == {"x": 1}
    assert done.failures == {"slow": "no end after 0.05 s"}


def test_bytes_that_no_document_holds_are_cleaned() -> None:
    done = run([collector("a", {"x": "\udcff\x1b[2J"})], CONTEXT)
    assert done.parts == {"x": "\N{REPLACEMENT CHARACTER}[2J"}


def test_a_name_that_nobody_offers_is_a_failure_that_tells_the_others() -> None:
    offered = {name: collector(name, {}) for name in ("pci-devices", "lldp")}
    chosen, failures = select(("lldp", "nothing", "lldp"), offered)
    assert [one.name for one in chosen] == ["lldp"]
    assert failures == {"nothing": "there is none of this name; there are lldp, pci-devices"}


def test_without_names_those_that_run_by_default_run() -> None:
    offered = {"a": collector("a", {}, is_default=True), "b": collector("b", {})}
    assert [one.name for one in select((), offered)[0]] == ["a"]
