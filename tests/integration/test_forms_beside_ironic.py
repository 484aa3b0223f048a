"""Forms of requests, ours and real Ironic's: what a client takes as an answer, and ``.json`` at the end of a path."""

from itertools import product

from tests.integration.beside_ironic import BESIDE_IRONIC, Beside

pytestmark = list(BESIDE_IRONIC)
ACCEPTED = (
    "",
    "*/*",
    "application/json",
    "application/*",
    "application/json; charset=utf-8",
    "application/json;q=0.1, text/html",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html, application/json",
    "garbage",
    "text/html",
    "application/xml",
    "application/vnd.api+json",
    "text/*",
    "image/png, text/plain",
)
OLD = (1, 5, 43, 90)
NEW = (91, 115)


def test_an_answer_that_is_not_taken_is_refused_before_anything_is_done(beside: Beside) -> None:
    node = beside.node(name="kept")
    for accept, path in product(ACCEPTED, ("/v1/nodes", "/v1/chassis", f"/v1/nodes/{node}/vifs")):
        ours, theirs = beside.ask("GET", path, headers={"Accept": accept})
        assert ours.status == theirs.status, (accept, path, ours, theirs)
    for refused in ("text/html", "image/png"):
        beside.same("DELETE", f"/v1/nodes/{node}", headers={"Accept": refused})
        assert beside.ok("GET", f"/v1/nodes/{node}?fields=name")["name"] == "kept"


def test_json_at_the_end_of_a_path_is_taken_off_at_old_versions(beside: Beside) -> None:
    plain = beside.node(name="plain")
    both = beside.node(name="both")
    odd = beside.node(name="both.json")
    alone = beside.node(name="alone.json")
    paths = (
        "/v1/chassis.json",
        "/v1/drivers/fake-hardware.json",
        f"/v1/nodes/{plain}.json",
        f"/v1/nodes/{plain}.json.json",
        f"/v1/nodes/{plain}/vifs.json",
        "/v1/nodes/nope.json",
        "/v1/ports/nope.json",
    )
    for path, end, minor in product(paths, ("", "/"), (*OLD, *NEW)):
        if "vifs" in path and minor in NEW:
            continue  # 400 there, 404 here
        ours, theirs = beside.ask("GET", path + end, minor=minor)
        assert ours.status == theirs.status, (path + end, minor, ours, theirs)
    for name, minor in product(("plain", "both", "both.json", "alone", "alone.json"), (8, 90, 115)):
        for end in ("", ".json"):
            said = beside.same("GET", f"/v1/nodes/{name}{end}?fields=uuid", minor=minor)
            if said.status == 200:
                assert said.document["uuid"] in {plain, both, odd, alone}
