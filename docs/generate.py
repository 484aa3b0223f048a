"""Write the generated pages of the documentation: settings, kernel arguments, the REST API, the policies, the state machine.

``python3 docs/generate.py`` writes them, ``--check`` only says whether they are current (a test calls it).
The pages are made from the code's own dataclasses and tables, so they cannot promise something else.
"""

import argparse
import ast
import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(_ROOT))

from agent.settings import Settings as AgentSettings  # noqa: E402  # after the path is set
from controller.states import STABLE, TRANSITIONS, State, target_of  # noqa: E402  # after the path is set
from docs.policies import policies_page  # noqa: E402  # after the path is set
from docs.rest_api import rest_api_page  # noqa: E402  # after the path is set


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A settings field as its source shows it."""

    name: str
    type: str
    default: str
    text: str


def read_fields(source: Path, class_name: str) -> tuple[Field, ...]:
    """Return the documented fields of a dataclass, in the order of the source.

    Raises:
        SystemExit: A field has no text under it.
    """
    tree = ast.parse(source.read_text(encoding="utf-8"))
    (body,) = [
        node.body
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name == class_name
    ]
    fields = []
    for field, after in zip(body, [*body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        if not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            raise SystemExit(f"{source}: {class_name}.{field.target.id} has no text under it")
        fields.append(
            Field(
                name=field.target.id,
                type=ast.unparse(field.annotation),
                default=_default(field.value),
                text=" ".join(str(after.value.value).split()),
            )
        )
    return tuple(fields)


def _default(value: ast.expr | None) -> str:
    """Return a field's default as it is written, also one inside of ``field(default=...)``."""
    if isinstance(value, ast.Call):
        value = next((one.value for one in value.keywords if one.arg == "default"), value)
    return ast.unparse(value) if value else "(required)"


def _class_of(path: Path) -> str:
    """Return the name of the class in a module of settings: ``IscsiSettings`` in ``iscsi_settings.py``."""
    return path.stem.title().replace("_", "")


def controller_settings_page() -> str:
    """Return the page of the controller's settings."""
    parts = sorted((_ROOT / "controller").glob("*_settings.py"))
    parts.remove(_ROOT / "controller/load_settings.py")
    rows = [
        f"| `{f.name}` | `INGOT_{f.name.upper()}` | {f.type} | `{f.default}` | {_cell(f.text)} |"
        for f in (
            *read_fields(_ROOT / "controller/settings.py", "Settings"),
            *(f for part in parts for f in read_fields(part, _class_of(part))),
        )
    ]
    return "\n".join(
        [
            "# Settings of the controller",
            "",
            "Made by `docs/generate.py` from `controller/settings.py` and the modules `controller/*_settings.py`; do not edit.",
            "",
            "A setting comes from, in this order: a flag of `ingot-controller serve` (`--listen-host`), an environment",
            "variable, the TOML file given with `--config`, the default. A key that is not in this table is an error.",
            "",
            "| setting | environment | type | default | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def agent_settings_page() -> str:
    """Return the page of the agent's settings and kernel arguments."""
    known = {field.name: field for field in dataclasses.fields(AgentSettings)}
    rows = [
        f"| {_code(known[f.name].metadata['argument'])} | `{f.name}` | {_cell(f.type)} "
        f"| `{known[f.name].default!r}` | {_cell(f.text)} |"
        for f in read_fields(_ROOT / "agent/settings.py", "Settings")
    ]
    return "\n".join(
        [
            "# Settings and kernel arguments of the agent",
            "",
            "Made by `docs/generate.py` from `agent/settings.py`; do not edit.",
            "",
            "The agent reads the kernel command line of the ramdisk, where the controller (ours or Ironic) puts them;",
            "flags of `ingot-agent run` win over it, the file given with `--config` comes after it.",
            "",
            "| kernel argument | setting | type | default | meaning |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def state_machine_page() -> str:
    """Return the page of the provision state machine with its picture (Mermaid)."""
    ids = {state: state.name.lower() for state in State}
    lines = [f'    state "{state.value}" as {ids[state]}' for state in State]
    lines.append(f"    [*] --> {ids[State.ENROLL]}")
    lines += [f"    {ids[s]} --> {ids[t]}: {e.value}" for (s, e), t in TRANSITIONS.items()]
    lines.append("    classDef stable font-weight:bold")
    lines += [f"    class {ids[state]} stable" for state in State if state in STABLE]
    table = [
        f"| {state.value} | {target_of(state) or ''} | "
        f"{', '.join(f'{e.value} → {t.value}' for (s, e), t in TRANSITIONS.items() if s == state)} |"
        for state in State
    ]
    return "\n".join(
        [
            "# The provision state machine",
            "",
            "Made by `docs/generate.py` from the table in `controller/states.py`; do not edit. States, verbs and outcomes are",
            "Ironic's. A node rests in the bold states and in the failed ones; the others end by themselves, at the latest",
            "when their time limit runs out.",
            "",
            "```mermaid",
            "stateDiagram-v2",
            *lines,
            "```",
            "",
            "| state | heading for | what can happen there |",
            "|---|---|---|",
            *table,
            "",
        ]
    )


def pages() -> dict[Path, str]:
    """Return every generated page."""
    docs = _ROOT / "docs"
    return {
        docs / "reference/controller-settings.md": controller_settings_page(),
        docs / "reference/kernel-arguments.md": agent_settings_page(),
        docs / "reference/policies.md": policies_page(),
        docs / "reference/rest-api.md": rest_api_page(),
        docs / "explanation/state-machine.md": state_machine_page(),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write or check the pages; 1 when ``--check`` finds a stale one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a page is stale"
    )
    check = parser.parse_args(argv).check
    stale = []
    for path, text in pages().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(str(path.relative_to(_ROOT)))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.stdout.write(f"{'stale' if check else 'written'}: {', '.join(stale)}\n")
    return 1 if check and stale else 0


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("``", "`")


if __name__ == "__main__":
    sys.exit(main())
