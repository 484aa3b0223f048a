"""The controller's API as its own description says: requests made of the document (schemathesis), answers held against it.

Unlike ``controller_api.py``, which bends good requests, this one believes the document and so finds where that is wrong.
"""

import itertools
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import response_schema_conformance

from controller.api.app import create_app
from controller.api.versions import HEADER
from tests.fuzz.web_requests import is_broken
from tests.integration.controller_api import Api, make_services

_REFUSED = 400
_ENDLESS = "text/event-stream"
"""Whoever reads such an answer to its end waits for ever; ``web_requests.py`` asks for these, too."""
_CASES = 10
"""Requests of each operation in a round; a minute must be enough for one."""
_NODE = "11111111-2222-4333-8444-555555555555"
_CHASSIS = "22222222-2222-4333-8444-555555555555"
_CONNECTOR = "33333333-2222-4333-8444-555555555555"
_TARGET = "44444444-2222-4333-8444-555555555555"
_RULE = "55555555-2222-4333-8444-555555555555"
_NAMES = {
    "nodes": ("node-1", _NODE),
    "ports": ("port-1",),
    "chassis": (_CHASSIS,),
    "drivers": ("fake-hardware",),
    "conductors": ("lab-1",),
    "connectors": (_CONNECTOR,),
    "targets": (_TARGET,),
    "portgroups": ("group-1",),
    "deploy_templates": ("CUSTOM_A",),
    "runbooks": ("CUSTOM_A",),
    "inspection_rules": (_RULE,),
}
"""What there is, by collection."""
_VALUES = {"driver": "fake-hardware", "node_uuid": _NODE, "chassis_uuid": _CHASSIS, "boot_index": 1}
_STEPS = [{"interface": "deploy", "step": "erase_devices", "args": {}, "priority": 10}]
_ACTIONS = [{"op": "fail", "args": {"msg": "no"}}]
"""What bodies name that is there, half of the time."""
_VERSIONS = ("latest", "1.115", "1.100", "1.50", "1.22", "1.1")


def run(seconds: float, seed: int) -> int:
    """Ask until the time is over, or something is wrong; 1 = a find, which is printed with its seed."""
    end, count = time.monotonic() + seconds, itertools.count()
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            try:
                _round(Path(folder), seed, end, count)
            except (
                AssertionError,
                schemathesis.errors.SchemathesisError,
                BaseExceptionGroup,
            ) as error:
                sys.stdout.write(f"openapi: seed {seed}: {_words(error)}\n")
                return 1
        seed += 1
    sys.stdout.write(f"openapi: {next(count)} requests, nothing found; the next seed is {seed}\n")
    return 0


def _round(folder: Path, seed: int, end: float, count: "itertools.count[int]") -> None:
    services = make_services(folder, [], verb_patience_s=0.01, image_check_timeout_s=0.5)
    app = create_app(services)
    api = Api(services=services, client=app.test_client())
    schema: Any = schemathesis.openapi.from_wsgi("/openapi.json", app)
    for found in schema.get_all_operations():
        if time.monotonic() >= end:
            break
        operation = found.ok()
        if _ENDLESS in str(operation.definition.raw["responses"]):
            continue
        _fill(api)
        _ask(operation, seed, count)
    services.store.close()


def _ask(operation: Any, seed: int, count: "itertools.count[int]") -> None:
    collection = operation.path.partition("/{")[0].rpartition("/")[2]
    names = st.sampled_from(_NAMES.get(collection, (_NODE,)))

    @seeded(seed)
    @settings(
        max_examples=_CASES,
        deadline=None,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(),
        name=names,
        version=st.sampled_from(_VERSIONS),
        is_good=st.integers(0, 3),
    )
    def ask(case: Any, name: str, version: str, is_good: int) -> None:
        next(count)
        if is_good:
            case.path_parameters = dict.fromkeys(case.path_parameters or {}, name)
        if is_good > 1 and isinstance(case.body, dict):
            case.body = case.body | {key: one for key, one in _VALUES.items() if key in case.body}
        case.headers = {**(case.headers or {}), HEADER: version}
        response = case.call()
        assert not is_broken(response.status_code), response.text
        case.validate_response(response, checks=[response_schema_conformance])
        if response.status_code < _REFUSED:
            said = {str(response.status_code), "2XX"} & set(operation.definition.raw["responses"])
            assert said, f"{operation.label}: {response.status_code} is not described"

    ask()


def _fill(api: Api) -> None:
    """Have something of each kind to ask for; what is there already stays."""
    api.call("POST", "/v1/nodes", {"driver": "fake-hardware", "uuid": _NODE, "name": "node-1"})
    port = {"node_uuid": _NODE, "address": "52:54:00:00:00:01", "name": "port-1"}
    api.call("POST", "/v1/ports", port)
    api.call("POST", "/v1/chassis", {"uuid": _CHASSIS})
    api.call("POST", "/v1/portgroups", {"node_uuid": _NODE, "name": "group-1"})
    runbook_steps = [{"interface": "deploy", "step": "erase_devices", "args": {}, "order": 1}]
    api.call("POST", "/v1/deploy_templates", {"name": "CUSTOM_A", "steps": _STEPS})
    api.call("POST", "/v1/runbooks", {"name": "CUSTOM_A", "steps": runbook_steps})
    api.call("POST", "/v1/inspection_rules", {"uuid": _RULE, "actions": _ACTIONS})
    connector = {"node_uuid": _NODE, "uuid": _CONNECTOR, "type": "iqn", "connector_id": "iqn.a"}
    api.call("POST", "/v1/volume/connectors", connector)
    target = {"node_uuid": _NODE, "uuid": _TARGET, "boot_index": 0}
    api.call("POST", "/v1/volume/targets", target | {"volume_id": "1", "volume_type": "iscsi"})


def _words(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_words(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"
