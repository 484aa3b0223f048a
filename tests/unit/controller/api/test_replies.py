import msgspec
import pytest

from controller.api.replies import links, links_text


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
    text = msgspec.json.encode({"links": links_text(base_url, kind, below)(ident)})
    assert msgspec.json.decode(text) == {"links": links(base_url, f"{kind}{ident}{below}")}
