import base64
import hashlib
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from controller.api.app import create_app
from controller.web import page
from controller.web.page import web_blueprint
from tests.integration.controller_api import make_services

_XTERM_SHA256 = "7a88e46a58847d3f17109e3d48cc8aa056a01997d00ceb76035f63370712d858"
_NOVNC_INTEGRITY = (
    "ucEJOx4T2avIRCleodk7YobZj5O2Ga2AeLfQ69A/yjG9HHba2+PDgwSkN3FttrmG+70ZGx21sElNFouK13RzyA=="
)
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    services = make_services(tmp_path, [])
    app = create_app(services)
    app.register_blueprint(web_blueprint())
    yield app.test_client()
    services.store.close()


def test_a_browser_is_led_from_the_root_to_the_page(client: FlaskClient) -> None:
    reply = client.get("/", headers=BROWSER)
    assert reply.status_code == 302
    assert reply.headers["Location"] == "/ui/"
    assert "<h1>Nodes</h1>" in client.get("/", headers=BROWSER, follow_redirects=True).text


@pytest.mark.parametrize("accept", ["application/json", "*/*", "", None])
def test_a_program_still_gets_the_version_document(client: FlaskClient, accept: str | None) -> None:
    headers = {} if accept is None else {"Accept": accept}
    assert client.get("/", headers=headers).get_json()["versions"][0]["id"] == "v1"


def test_the_page_loads_only_what_we_serve(client: FlaskClient) -> None:
    files = {"page.js": "javascript", "page.css": "css", "console.html": "html"}
    files |= {
        "api.js": "javascript",
        "icon.svg": "svg",
        "console.js": "javascript",
        "screen.html": "html",
        "screen.js": "javascript",
    }
    for path, kind in (("/ui", "html"), *((f"/ui/{name}", kind) for name, kind in files.items())):
        reply = client.get(path, follow_redirects=True)
        assert reply.status_code == 200
        assert kind in reply.content_type
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["X-Frame-Options"] == "DENY"
        text = reply.text.replace("http://www.w3.org/2000/svg", "")  # a name, not an address
        assert "//" not in text.replace("// ", "")
    assert client.get("/ui/../page.py").status_code == 404


def test_the_terminal_is_the_published_one_with_its_licence(client: FlaskClient) -> None:
    """``@xterm/xterm`` 5.5.0 without the line that names its source map."""
    script = client.get("/ui/xterm.js")
    assert hashlib.sha256(script.data).hexdigest() == _XTERM_SHA256
    assert "Permission is hereby granted" in client.get("/ui/xterm-LICENSE.txt").text
    assert ".xterm" in client.get("/ui/xterm.css").text


def test_the_screen_is_drawn_by_the_published_package_with_its_licence(client: FlaskClient) -> None:
    """``@novnc/novnc`` 1.7.0 as npm has it: this is the registry's own ``dist.integrity``."""
    package = Path(page.__file__).parent / "static" / "novnc-1.7.0.tgz"
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    assert digest == _NOVNC_INTEGRITY
    assert "Mozilla Public License" in client.get("/ui/novnc/docs/LICENSE.MPL-2.0").text
    assert "MPL" in client.get("/ui/novnc/LICENSE.txt").text
    script = client.get("/ui/novnc/core/rfb.js")
    assert "javascript" in script.content_type
    assert "script-src 'self'" in script.headers["Content-Security-Policy"]
    for path in ("package.json", "core", "../core/rfb.js", "core/../core/rfb.js", "/etc/passwd"):
        assert client.get(f"/ui/novnc/{path}").status_code == 404


def test_every_script_that_novnc_loads_is_served(client: FlaskClient) -> None:
    waiting, seen = {"core/rfb.js"}, set[str]()
    while waiting:
        name = waiting.pop()
        seen.add(name)
        reply = client.get(f"/ui/novnc/{name}")
        assert reply.status_code == 200, name
        found = re.findall(
            r"""^(?:import|export) .*?from ['"](.+?)['"]""", reply.text, re.MULTILINE
        )
        folder = posixpath.dirname(name)
        waiting |= {posixpath.normpath(posixpath.join(folder, one)) for one in found} - seen
    assert len(seen) > 30


def test_only_the_screen_shows_pictures_that_scripts_make(client: FlaskClient) -> None:
    policy = client.get("/ui/screen.html").headers["Content-Security-Policy"]
    assert "img-src 'self' data: blob:" in policy
    assert "unsafe" not in policy
    assert "img-src 'self';" in client.get("/ui/").headers["Content-Security-Policy"]


def test_only_the_console_may_make_styles(client: FlaskClient) -> None:
    def policy(path: str) -> str:
        return client.get(path).headers["Content-Security-Policy"]

    assert "style-src 'self' 'unsafe-inline'" in policy("/ui/console.html")
    assert "unsafe" not in policy("/ui/") + policy("/ui/console.js")
    assert "script-src 'self';" in policy("/ui/console.html")


def test_the_page_asks_for_fields_that_the_api_has(client: FlaskClient) -> None:
    script = client.get("/ui/page.js").text
    asking = client.get("/ui/api.js").text
    fields = "".join(script.partition("FIELDS = ")[2].partition(";")[0].split('"')[1::2])
    version = asking.partition('API-Version": "')[2].partition('"')[0]
    reply = client.get(
        f"/v1/nodes?fields={fields}&include_children=true",
        headers={"X-OpenStack-Ironic-API-Version": version},
    )
    assert reply.status_code == 200, reply.text
