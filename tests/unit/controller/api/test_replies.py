import msgspec
import pytest

from controller.api.replies import LinksText, links


@pytest.mark.parametrize(
    ("base_url", "kind", "ident", "below"),
    [
        ("http://ingot:6385", "nodes/", "b0000000-0000-4000-8000-000000000007", ""),
        ("http://ingot:6385", "nodes/", "b0000000-0000-4000-8000-000000000007", "/ports"),
        ('http://in"got%20', "drivers/", 'a "quoted\\name"\n', ""),
        ("http://[::1]", "drivers/", "ü%s{}", "/ports"),
    ],
)
def test_links_as_text_say_the_same(base_url: str, kind: str, ident: str, below: str) -> None:
    text = LinksText(base_url, kind, below)
    wanted = {"links": links(base_url, f"{kind}{ident}{below}")}
    several = text.of_all(["a", ident, "b"])
    for made in (text(ident), several[1]):
        assert msgspec.json.decode(msgspec.json.encode({"links": made})) == wanted
    assert several == [text("a"), text(ident), text("b")]
