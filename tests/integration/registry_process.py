"""A real registry (the program docker-registry) on loopback, and the token service that its bearer authentication wants."""

import base64
import hashlib
import json
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import bcrypt
import requests

from tests.integration.disk_images import run, sha256

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
_START_LIMIT_S = 60


@dataclass(frozen=True, kw_only=True)
class RunningRegistry:
    """``host`` is ``address:port``."""

    host: str

    def push_blob(self, name: str, content: bytes) -> str:
        """Upload a blob and return its digest; only without authentication."""
        digest = f"sha256:{sha256(content)}"
        begun = requests.post(f"http://{self.host}/v2/{name}/blobs/uploads/", timeout=30)
        begun.raise_for_status()
        place = begun.headers["Location"]
        done = requests.put(
            f"{place}{'&' if '?' in place else '?'}digest={digest}", data=content, timeout=60
        )
        done.raise_for_status()
        return digest

    def push_manifest(self, name: str, tag: str, manifest: Mapping[str, Any]) -> str:
        """Upload a manifest or an index and return its digest."""
        done = requests.put(
            f"http://{self.host}/v2/{name}/manifests/{tag}",
            data=json.dumps(manifest).encode(),
            headers={"Content-Type": str(manifest["mediaType"])},
            timeout=30,
        )
        assert done.ok, done.text
        return done.headers["Docker-Content-Digest"]

    def push_disk(self, name: str, tag: str, content: bytes, *, title: str = "disk.raw") -> str:
        """Upload an artifact with one disk, as common tools do, and return its digest."""
        return self.push_manifest(name, tag, self.manifest(name, {title: content}))

    def manifest(
        self,
        name: str,
        files: Mapping[str, bytes],
        media_type: str = "application/vnd.oci.image.layer.v1.tar",
    ) -> dict[str, Any]:
        """Upload files and return the manifest for them; an empty title is left out."""
        config = b"{}"
        return {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": self.push_blob(name, config),
                "size": len(config),
            },
            "layers": [
                {
                    "mediaType": media_type,
                    "digest": self.push_blob(name, content),
                    "size": len(content),
                    **({"annotations": {"org.opencontainers.image.title": t}} if t else {}),
                }
                for t, content in files.items()
            ],
        }


@contextmanager
def registry(
    folder: Path, auth: Mapping[str, Any] | None = None, *, address: str = "127.0.0.1"
) -> Iterator[RunningRegistry]:
    """Run a registry over ``folder``, which several may share; ``auth`` is that section of its configuration."""
    with socket.create_server((address, 0)) as probe:
        port = probe.getsockname()[1]
    config = {
        "version": 0.1,
        "log": {"accesslog": {"disabled": True}, "level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}},
        "http": {"addr": f"{address}:{port}"},
    } | ({"auth": auth} if auth else {})
    file = folder / f"config-{port}.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    with (folder / f"registry-{port}.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(file)],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while not _answers(address, port):
            assert process.poll() is None, (folder / f"registry-{port}.log").read_text()
            assert time.monotonic() < deadline, "docker-registry does not answer"
            time.sleep(0.05)
        yield RunningRegistry(host=f"{address}:{port}")
    finally:
        process.terminate()
        process.wait()


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def htpasswd_auth(folder: Path, user: str, password: str) -> dict[str, Any]:
    """Return the configuration of a registry that wants a password."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
    return {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}


@dataclass(kw_only=True)
class TokenService:
    """Signs tokens for ``lifetime_s`` seconds; ``asked`` are the queries and whether a password came with them."""

    folder: Path
    login: str | None
    lifetime_s: int = 300
    asked: list[tuple[dict[str, list[str]], bool]] = field(default_factory=list)
    url: str = ""

    def auth(self) -> dict[str, Any]:
        """Return the configuration of a registry that wants this service's tokens."""
        return {
            "token": {
                "realm": f"{self.url}/token",
                "service": "test-registry",
                "issuer": "test-issuer",
                "rootcertbundle": str(self.folder / "token.crt"),
            }
        }

    def token(self, scope: str) -> str:
        """Return a signed token; Docker's "Token Authentication Implementation" has the claims."""
        kind, name, actions = scope.split(":")
        now = int(time.time())
        certificate = run(
            "openssl", "x509", "-in", str(self.folder / "token.crt"), "-outform", "DER"
        )
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": "test-issuer",
            "sub": "tester",
            "aud": "test-registry",
            "iat": now,
            "nbf": now - 10,
            "exp": now + self.lifetime_s,
            "jti": secrets.token_hex(8),
            "access": [{"type": kind, "name": name, "actions": actions.split(",")}],
        }
        signed = b".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
        key = str(self.folder / "token.key")
        signature = run("openssl", "dgst", "-sha256", "-sign", key, stdin=signed)
        return (signed + b"." + _base64(signature)).decode()


def _base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@contextmanager
def token_service(folder: Path, login: str | None = None) -> Iterator[TokenService]:
    """Run a token service; ``login`` = ``user:password`` that it wants."""
    service = TokenService(folder=folder, login=login)
    files = ("-keyout", str(folder / "token.key"), "-out", str(folder / "token.crt"))
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=token", *files)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Keep quiet."""

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            given = self.headers["Authorization"]
            service.asked.append((query, given is not None))
            wanted = service.login and "Basic " + base64.b64encode(service.login.encode()).decode()
            if wanted and given != wanted:
                self.send_error(401)
                return
            body = json.dumps({"token": service.token(query["scope"][0])}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def descriptor_of(
    manifest: Mapping[str, Any], architecture: str, **annotations: str
) -> dict[str, Any]:
    """Return the entry of an index for a manifest that was pushed."""
    body = json.dumps(manifest).encode()
    return {
        "mediaType": OCI_MANIFEST,
        "digest": f"sha256:{hashlib.sha256(body).hexdigest()}",
        "size": len(body),
        "platform": {"architecture": architecture, "os": "linux"},
        **({"annotations": annotations} if annotations else {}),
    }
