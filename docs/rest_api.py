# ruff: noqa: INP001  # docs is no package
"""The page of the REST API, made from the route table and the field tables."""

from typing import Any

from agent.protocol.receipt import Receipt
from controller.api.bodies import MAX_DEPTH
from controller.api.lists import MAX_LIMIT
from controller.api.nodes.fields import NODES
from controller.api.openapi.schemas import COMMON
from controller.api.routes import PARTS, SHOWN, description
from controller.api.versions import MAX_MINOR, MIN_MINOR

_INTRODUCTION = f"""# The REST API of the controller

Made by `docs/generate.py` from the description that `GET /openapi.json` serves (OpenAPI 3.1); do not edit.

The API is OpenStack Ironic's, for the clients that exist. The tests run `baremetal` (python-ironicclient), openstacksdk,
Nova's driver and Ansible's `openstack.cloud` against it; shapes and codes were compared with Ironic 39, request by request. What differs is said here.

**Versions.** `X-OpenStack-Ironic-API-Version: 1.N` or `OpenStack-API-Version: baremetal 1.N` or `latest`; 1.{MIN_MINOR} to
1.{MAX_MINOR} are served, without a header 1.{MIN_MINOR}. Fields of a newer version are hidden in replies and 406 in requests;
routes of a newer version are 404 (some 405 or 406, as in Ironic). `/nodes` means `/v1/nodes`, and a slash at the end does not matter.

**Authentication** (setting `auth_strategy`). `noauth`, or `http_basic` with an htpasswd file of bcrypt hashes
(`htpasswd -B`), which is read again when it changes, or `keystone`: a token in `X-Auth-Token`
([Let Keystone say who calls](../how-to/use-keystone.md)). The open routes are marked; `/boot/` and `/images/` are open too.
With `roles_file` or Keystone users have roles, and [the policies](policies.md) say what each may see and change; the history names who did what.

**Errors** are `{{"error_message": "{{\\"faultcode\\": .., \\"faultstring\\": .., \\"debuginfo\\": null}}"}}`, a JSON string inside
of a JSON object, as Ironic's clients expect. A body that nests deeper than {MAX_DEPTH} levels (400) or is too large (413: more than
1 MiB, `states/provision` 64 MiB, `continue_inspection` 16 MiB) is refused with the flat object. 409 and 503 may be retried.

**Lists** have `limit` (at most {MAX_LIMIT}), `marker`, `sort_key`, `sort_dir`, `fields` and `detail`; follow `next`.
Null sorts as the smallest value. Nodes are chosen by {{filters}}.

**Patches** are JSON patches with `add`, `replace` and `remove`. `add` of a field replaces it; `remove` of a field resets it to
its default; `~0` and `~1` are decoded in every version.

**Secrets** (passwords, tokens, keys, config drives, passwords or tokens in URLs and among kernel arguments) are shown as
`******`. A patch that sends the mask back keeps what is stored; the mask where nothing is stored, or in a text that is
otherwise changed, is refused.

**Beyond Ironic**: nodes and their states also have `progress` (`step`, `phase`, `bytes_done`, `bytes_total`,
`disk_bytes_done`, `disk_bytes_total`, `rate_bytes_per_s`, `time_left_s`, `updated_at`; null when nothing runs), `stage` (what the
controller does next for the node), `stage_started_at`, `stage_deadline_at`, and `status_text` (all of it in one line for people).
`bytes_*` count the image as it is published, `disk_bytes_*` what lies on the disk. The history has every state change, step, boot
file and refusal, not only errors; with `detail` each event also has `data`, the same for programs.

A node also has `image_receipt`, from the end of `write_image` until the next deployment begins: what was written where and how it
was verified. Null before that, and when the ramdisk's agent is not ours. Its keys:
{{receipt}}
Its field `burnin` has for each kind of burn-in when it began and passed, with which disks, and the figures ([how](../how-to/burn-in.md)).
MAC addresses are taken in any usual spelling.
A port group can move to another node, and a physical network that is taken from it goes from its ports, too.

**Networks**: with the `network_interface` `ironic-networking` ports are set at their switches by plug-ins ([how](../how-to/connect-switches.md)); with the others
nothing on a switch changes. With `flat` VIFs are kept on ports and port groups (`internal_info`, `tenant_vif_port_id`), without a network
service behind them; `noop`, the default, takes and forgets them. `POST /v1/events` is taken from a network service and told in the history of the
node whose port has the MAC address; nothing acts on it.

**Lists below a node or a port group** are lists only: what is in them is created, shown and changed in its own collection (below,
Ironic answers 400, we 404 and 405).

**Inspection rules** are carried out by each inspection; [how](../how-to/inspection-rules.md).
Where Ironic 39 fails (500) we do what is meant: rules without `conditions`, `DELETE /v1/inspection_rules` (all of them), wrong arguments (400). `phase` chooses
rules, `remove` of `phase` resets it to `main`, links lead to the rule. A sensitive rule stays sensitive: Ironic shows its actions once `sensitive` is removed.

**Otherwise than Ironic, on purpose**: errors of the router (no such path, no such method, a version that is too old) have a
`faultstring` like all others. A field of a newer version cannot be removed either (406). Names follow the rules of 1.10 in every version, and
name nodes below 1.5, too; a port can be deleted by its name. A MAC address in any usual spelling is taken in filters; `fault=none` chooses the nodes
without a fault; an empty `marker` is none. `boot_mode` and `secure_boot` come from the machine, never with the creation. A node of a
conductor group or driver that no controller serves now is created, and its history says who is missing. Paths below a node that are none are 404,
`/` is only read (405), UUIDs are the same in capital letters, lists below a node take no filter for nodes or port groups (400), one firmware component is no path (404), a service of a project sees its allocations in the list as its rule says (Ironic: 403 as soon as there is one),
bodies must be `application/json` (415), and what Ironic answers with 500 is 400 or 404. A BMC that says no is 502, one that does not answer 503.
`OPTIONS` is 405, `HEAD` is answered like `GET` wherever there is one. `deploy` is `active` in all things, also with a config drive. Parts of a patch's path may be any text but the empty one
(`/extra/a.b`). `name`, `parent_node` and `description` can be set to null; an empty `parent_node` is none of a node (400), and so is a list where a body is an object
(`PUT maintenance`). Texts are no longer than their columns (`owner`, `lessee`, `shard` of nodes, `mode` of port groups, names: 255). `network_data` `{{}}` is none in a patch, too, and IPv4
addresses in it have no leading zeros; its networks may be of the types `ipv6_dhcpv6-stateful` and `ipv6_dhcpv6-stateless`, which Nova writes. `fields` takes whatever is shown, also `created_at`, `links` and `ports`, and no unknown field in any collection; filters need their version in `/nodes/detail`, too.
Nodes are sorted by `chassis_uuid` and `conductor`, not by interfaces, `chassis_id` and `allocation_id`, which are no columns here. `/nodes/N/ports?address=` chooses; Ironic ignores it. `validate` also tells
of `vendor`, null if it has no methods. Markers are checked as UUIDs first (400), and hardware types have no vendor methods of their own (400).
A request with several faults is answered for one of them, which need not be Ironic's choice: versions come first, then arguments, then the body, then what is sought.
Arguments that a path does not have are 400 everywhere, also where Ironic passes over them (`indicators`). Lists below a node are found by its name, too. Without authentication
everybody may say whose a node or runbook is (`owner`; Ironic: 400). The UUID of an allocation is one (400), and so are eight bytes a MAC address. A truth value that is set to null
has its default. The password of a rescue does not stay in `instance_info`, and what is in `driver_internal_info` is each one's own. `firmware?detail=` is a truth value as elsewhere.
The interfaces `fake` can what Ironic's refuse: NMIs, lamps, the list of virtual drives, all boot devices, aborting an inspection; what they were told is read back. Steps that no
interface offers are refused when they are ordered (400), not when they fail, and so are verbs that Ironic takes in states where only its own work goes on (`clean` in `deleting`,
`manage` in `cleaning`). In the history `conductor` is the controller that answers; `state`, `target_provision_state` and `duration_seconds` stand in changes of state and failures only.
`/` leads a browser to the web page (302).

**Stricter than Ironic**: a port's MAC address and node, and the port itself, stay while a workflow is at the node (409): the
machine is recognized by them. A port is in a port group of its own node only (400). Names of ports and port groups are letters, digits, `-._~`, at most 255, and no
UUIDs (400); OVN's keys of `local_link_connection`, which Ironic dropped in 1.105, are none in any version (400). A node with `disable_power_off` refuses `soft rebooting` at once (409). `active` and `rebuild` check
the whole order by the agent's own rules (400, and a reason in `validate`): addresses, checksums and checksum files, formats, partition
sizes, config drives, capabilities, traits. Cipher suites with xRC4 (4, 5, 9, 10, 13, 14) are refused.
"""


def rest_api_page() -> str:
    """Return the whole page."""
    document = description()
    schemas = document["components"]["schemas"]
    filters = ", ".join(f"`{name}`" for name in NODES.filters)
    parts = [
        _INTRODUCTION.replace("{filters}", filters).replace("{receipt}", _receipt()),
        "## Routes\n",
        *_table(
            ("method", "path", "since", "open", "takes", "gives", "what"), _route_rows(document)
        ),
        "\n## Bodies and replies that are no resource\n",
        "Truth values may be Ironic's words for them; orders of the console, the boot device and lamps are taken in the query, too.\n",
        *_table(("type", "field", "what", "needed"), _other_rows(schemas)),
        *(
            line
            for one in SHOWN
            for line in (
                f"\n## Fields of {one.one}\n",
                *_table(
                    ("field", "since", "create", "patch", "sort"), _field_rows(schemas, one.name)
                ),
            )
        ),
        "",
    ]
    return "\n".join(parts)


def _receipt() -> str:
    return ", ".join(f"`{name}`" for name in Receipt.__struct_fields__) + "."


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = [head, ("---",) * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _route_rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            method.upper(),
            f"`{path}`",
            one["x-since"],
            _mark("security" in one),
            _said(one.get("requestBody")),
            _said(next(iter(one["responses"].values()))),
            one["summary"],
        )
        for path, operations in document["paths"].items()
        for method, one in operations.items()
    ]


def _said(body: dict[str, Any] | None) -> str:
    """Return what a body or a reply is, in a word."""
    contents = list((body or {}).get("content", {}).values())
    return _words(contents[0]["schema"]) if contents else ""


def _words(schema: dict[str, Any]) -> str:
    """Return the name of a type."""
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "anyOf" in schema:
        return " or ".join(_words(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_words(schema['items'])}" if schema.get("items") else "list"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"{_words(schema['additionalProperties'])} by name"
    if "enum" in schema:
        return ", ".join(f"`{one}`" for one in schema["enum"])
    kind = schema.get("type", "anything")
    return str(kind if isinstance(kind, str) else " or ".join(kind))


def _other_rows(schemas: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the fields of what is no resource."""
    known = {f"{one.name}{end}" for one in SHOWN for end in ("", ".list", ".create", ".patch")}
    rows: list[tuple[str, ...]] = []
    for name, schema in schemas.items():
        if name in known or name in COMMON or name in PARTS:
            continue
        if "enum" in schema:
            rows.append((f"`{name}`", "", _words(schema), ""))
        for field, one in schema.get("properties", {}).items():
            needed = _mark(field in schema.get("required", ()))
            rows.append((f"`{name}`", f"`{field}`", _words(one), needed))
    return rows


def _field_rows(schemas: dict[str, Any], name: str) -> list[tuple[str, ...]]:
    created = schemas.get(f"{name}.create", {"properties": {}})["properties"]

    def marks(field: str, schema: dict[str, Any]) -> tuple[str, ...]:
        return tuple(
            map(_mark, (field in created, "x-patchable" in schema, "x-sortable" in schema))
        )

    shown = schemas[name]["properties"]
    return [(f"`{key}`", one["x-since"], *marks(key, one)) for key, one in shown.items()]


def _mark(is_true: bool) -> str:
    return "yes" if is_true else ""
