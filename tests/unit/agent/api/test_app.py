from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from agent.api.app import ApiDependencies, create_app
from agent.api.auth import check_token
from agent.commands.command import Command, Control, Kind, catalogue
from agent.commands.executor import CommandExecutor
from agent.commands.identity import Identity
from agent.commands.results import ResultStore
from agent.errors import AgentBusy, Unauthorized

TOKEN = "t" * 43


def client_of(folder: Path, *, standalone: bool = False, token: str | None = TOKEN) -> FlaskClient:
    def busy(_control: Control) -> None:
        raise AssertionError("never run")

    def refuse(_params: object) -> Any:
        raise AgentBusy("Agent is busy: executing command prepare_image")

    def break_down(_params: object) -> Any:
        raise ZeroDivisionError("a bug")

    commands = catalogue(
        [
            Command(name="a.echo", kind=Kind.SYNC, prepare=lambda params: lambda _: params["text"]),
            Command(name="a.busy", kind=Kind.SYNC, prepare=refuse),
            Command(name="a.bug", kind=Kind.SYNC, prepare=break_down),
        ]
    )
    identity = Identity(folder / "token")
    if token is not None:
        identity.learn_token(token)
    app = create_app(
        ApiDependencies(
            executor=CommandExecutor(
                lambda: commands, ResultStore(folder / "commands"), lambda: None
            ),
            identity=identity,
            version="0.1.0",
            started_at=1795350000.5,
            standalone=standalone,
        )
    )
    return app.test_client()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return client_of(tmp_path)


def document(client: FlaskClient, path: str) -> Any:
    return client.get(path).json


def order(client: FlaskClient, body: str, query: str = f"?agent_token={TOKEN}") -> Any:
    return client.post(f"/v1/commands/{query}", data=body)


@pytest.mark.parametrize("path", ["/v1/status", "/status", "/v1/status/"])
def test_the_status_needs_no_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).json == {"started_at": 1795350000.5, "version": "0.1.0"}


def test_the_root_documents_have_ironics_shape(client: FlaskClient) -> None:
    root = document(client, "/")
    assert root["name"] == "OpenStack Ironic Python Agent API"
    assert root["versions"] == [root["default_version"]]
    assert root["default_version"]["links"][0] == {"href": "http://localhost/v1", "rel": "self"}
    for path in ("/v1/", "/v1"):
        version = document(client, path)
        assert version["commands"] == [
            {"href": "http://localhost/v1/commands", "rel": "self"},
            {"href": "http://localhost/commands", "rel": "bookmark"},
        ]
        assert version["media_types"][0]["base"] == "application/json"


@pytest.mark.parametrize("path", ["/v1/commands/", "/commands", "/v1/commands/some-id"])
@pytest.mark.parametrize("query", ["", "?agent_token=wrong", "?agent_token="])
def test_commands_need_the_token(client: FlaskClient, path: str, query: str) -> None:
    answer = client.get(path + query)
    assert (answer.status_code, answer.mimetype) == (401, "application/json")
    assert answer.json == {"faultcode": "Client", "faultstring": "Token invalid."}
    assert client.post("/v1/commands/" + query, data="{}").status_code == 401


def test_an_agent_without_a_token_lets_nobody_in(tmp_path: Path) -> None:
    assert client_of(tmp_path, token=None).get("/v1/commands/").status_code == 401
    assert client_of(tmp_path, token=None).get("/v1/commands/?agent_token=").status_code == 401


def test_an_agent_without_a_controller_is_open_until_it_has_a_token(tmp_path: Path) -> None:
    assert client_of(tmp_path, standalone=True, token=None).get("/v1/commands").status_code == 200
    assert client_of(tmp_path, standalone=True).get("/v1/commands").status_code == 401


def test_tokens_with_letters_beyond_ascii_are_compared() -> None:
    with pytest.raises(Unauthorized):
        check_token("tökén", "token", open_without=False)


def test_a_command_is_executed_and_listed(client: FlaskClient) -> None:
    done = order(client, '{"name": "a.echo", "params": {"text": "hi"}}')
    assert done.status_code == 200
    assert done.json == {
        "id": done.json["id"],
        "command_name": "echo",
        "command_status": "SUCCEEDED",
        "command_error": None,
        "command_result": {"result": "hi"},
        "progress": None,
    }
    assert client.get(f"/commands?agent_token={TOKEN}").json == {"commands": [done.json]}
    path = f"/v1/commands/{done.json['id']}?wait=true&agent_token={TOKEN}"
    assert client.get(path).json == done.json


@pytest.mark.parametrize(
    ("body", "status", "complaint"),
    [
        ("", 400, "Missing or invalid name or params"),
        ("{", 400, "Missing or invalid name or params"),
        ("[]", 400, "Missing or invalid name or params"),
        ('{"name": "a.echo"}', 400, "`params`"),
        ('{"name": "a.echo", "params": []}', 400, "$.params"),
        ('{"name": "a.echo", "params": ' + '{"a":' * 5000 + "1" + "}" * 5001, 400, "too deeply"),
        ('{"name": "echo", "params": {}}', 400, "not of the form"),
        ('{"name": "a.other", "params": {}}', 400, "no command 'a.other'"),
        ('{"name": "b.echo", "params": {}}', 404, "no command namespace 'b'"),
        ('{"name": "a.busy", "params": {}}', 409, "Agent is busy: executing command prepare_image"),
    ],
)
def test_a_request_that_cannot_be_served_says_why(
    client: FlaskClient, body: str, status: int, complaint: str
) -> None:
    answer = order(client, body)
    assert (answer.status_code, answer.json["faultcode"]) == (status, "Client")
    assert complaint in answer.json["faultstring"]


def test_a_bug_is_the_servers_fault(client: FlaskClient) -> None:
    answer = order(client, '{"name": "a.bug", "params": {}}')
    assert (answer.status_code, answer.json["faultcode"]) == (500, "Server")


@pytest.mark.parametrize(("method", "path", "status"), [("get", "/v2/", 404), ("put", "/", 405)])
def test_what_the_api_does_not_have_is_answered_in_its_shape(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = getattr(client, method)(path)
    assert (answer.status_code, answer.json["faultcode"]) == (status, "Client")


def test_an_unknown_id_is_not_found(client: FlaskClient) -> None:
    assert client.get(f"/v1/commands/x?agent_token={TOKEN}").status_code == 404
