"""The description of the API is served, whatever version a request names, and what it does not have is refused."""

import re
from pathlib import Path

import pytest

from controller.api.routes import ROUTES, description
from tests.integration.controller_api import make_api


@pytest.mark.parametrize("version", [None, "1.1", "1.90", "1.115"])
def test_the_description_is_served_at_every_version(tmp_path: Path, version: str | None) -> None:
    served = make_api(tmp_path).ok("GET", "/openapi.json", version=version)
    assert served == description()


def test_arguments_that_a_path_does_not_have_are_refused_before_anything_is_done(
    tmp_path: Path,
) -> None:
    api = make_api(tmp_path)
    for route in ROUTES:
        if route.path.startswith("/v1") and not route.is_loose:
            path = re.sub("<[^>]+>", "x", route.path)
            body: dict[str, object] | None = {} if route.takes else None
            said = api.error(400, route.method, f"{path}?nope=1", body, version="1.115")
            valid = ", ".join(sorted(route.arguments)) or "none"
            assert said == f"Unexpected arguments: nope; valid here: {valid}", route
    api.services.store.close()
