from tests.bench.ramdisk import Start, deployments, least_memory, memories, sizes, summary


def starts(ingot: float | None, ipa: float | None) -> list[Start]:
    return [
        Start(variant=name, round=1, heartbeat_s=seconds)
        for name, seconds in (("ingot", ingot), ("ipa", ipa))
    ]


def test_sizes_are_compared_with_the_goal() -> None:
    assert sizes({"ingot": 87, "ipa": 118})["reached"]
    assert not sizes({"ingot": 95, "ipa": 118})["reached"]


def test_a_ramdisk_that_did_not_come_has_no_median() -> None:
    found = summary([*starts(10, 40), *starts(14, 20)])
    assert (found["median_s"], found["ratio"]) == ({"ingot": 12, "ipa": 30}, 0.4)
    found = summary([*starts(10, 40), *starts(14, None)])
    assert (found["median_s"], found["reached"]) == ({"ingot": 12, "ipa": None}, False)


def test_the_least_memory_is_the_last_that_worked() -> None:
    assert least_memory((768, 512, 384), lambda mib: mib >= 512) == 512
    assert least_memory((768,), lambda _: False) is None


def test_memories_are_tried_from_the_largest() -> None:
    assert memories("512,768, 640,512") == (768, 640, 512)


def test_deployments_are_judged_by_their_median_and_one_that_failed_by_nothing() -> None:
    found = deployments([30.0, 40.0, 34.5])
    assert (found["median_s"], found["reached"]) == (34.5, True)
    assert deployments([30.0, 41.0, 35.5])["reached"] is False
    assert deployments([30.0, None])["median_s"] is None
