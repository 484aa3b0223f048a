"""Patches of a chassis' UUID, ours and real Ironic's: nobody changes it, and what comes out the same is no change."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with beside_ironic(tmp_path_factory.mktemp("chassis")) as found:
        yield found


def test_a_patch_of_the_uuid_is_judged_by_what_comes_out(both: Beside) -> None:
    same, other = both.uuid(), both.uuid()
    for server in both.ask("POST", "/v1/chassis", {"uuid": same, "description": "one"}):
        assert server.status == 201
    patches: tuple[list[tuple[Any, ...]], ...] = (
        [("replace", "/uuid", same)],
        [("add", "/uuid", same)],
        [("replace", "/uuid", other)],
        [("add", "/uuid", other)],
        [("remove", "/uuid")],
        [("replace", "/uuid", None)],
        [("replace", "/uuid", "x")],
        [("replace", "/uuid", 5)],
        [("replace", "/uuid", other), ("replace", "/uuid", same)],
        [("replace", "/uuid", same), ("replace", "/uuid", other)],
        [("replace", "/uuid", "x"), ("replace", "/uuid", same)],
        [("remove", "/uuid"), ("add", "/uuid", same)],
        [("remove", "/uuid"), ("replace", "/uuid", same)],
        [("add", "/uuid", same), ("remove", "/uuid")],
        [("remove", "/uuid"), ("remove", "/uuid")],
        [("replace", "/uuid", same), ("replace", "/description", "two")],
        [("replace", "/uuid", other), ("replace", "/description", "three")],
        [("add", "/uuid/a", 1)],
        [("remove", "/uuid/a")],
    )
    names = ("op", "path", "value")
    for patch in patches:
        body = [dict(zip(names, one, strict=False)) for one in patch]
        ours, theirs = both.ask("PATCH", f"/v1/chassis/{same}", body)
        assert ours.status == theirs.status, patch
        shown = both.ask("GET", f"/v1/chassis/{same}?fields=uuid,description")
        assert shown[0] == shown[1], patch
