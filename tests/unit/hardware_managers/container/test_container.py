"""Which containers may run, with which options, and how one is run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.errors import CommandFailed, InvalidRequest, PluginError, SettingError
from agent.hardware.capabilities import Phase
from agent.hardware.registry import Hardware
from agent.protocol.containers import ContainerRules
from agent.system.runner import Output
from hardware_managers.container.manager import with_rules
from hardware_managers.container.rules import (
    allowed_options,
    bare_reference,
    read_rules,
)
from hardware_managers.container.step_file import parse_step_file
from tests.unit.fakes import FakeRunner, Tools, manager

IMAGE = "registry.example.org/tool:1.0"
ALLOWED = ContainerRules(allowed_containers=(f"docker://{IMAGE}",))
FILE = """
steps:
  - name: check_fans
    image: docker://registry.example.org/fans:2
    priority: 30
    run_options: ["--rm", "--privileged"]
"""


class Programs(FakeRunner):
    """Follows programs: writes down their words, and ends as told."""

    def __init__(self, error: CommandFailed | None = None) -> None:
        super().__init__({})
        self.followed: list[tuple[str, ...]] = []
        self._error = error

    def follow(self, *argv: str, on_line: Callable[[str], None], **_more: Any) -> Output:
        self.followed.append(argv)
        on_line("a line")
        if self._error is not None and argv[1] == "run":
            raise self._error
        return Output(stdout="", stderr="", exit_code=0)


def run(
    rules: ContainerRules, folder: Path, args: dict[str, Any], runner: Programs | None = None
) -> tuple[Programs, Any]:
    runner = runner or Programs()
    (step,) = [
        one
        for one in with_rules(rules).steps  # type: ignore[union-attr]
        if one.name == "generic_container_step"
    ]
    context = Tools(runner, folder).context(Hardware([manager()]), args=args)
    return runner, step.run(context)


def test_the_defaults_are_ironics_and_null_means_default() -> None:
    assert read_rules(None) == ContainerRules()
    assert read_rules({"runner": None, "allow_arbitrary_containers": True}).runner == "podman"


@pytest.mark.parametrize("told", [{"runner": "sh"}, {"allowed_containers": "all"}])
def test_rules_that_cannot_be_used_are_named(told: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="agent_containers"):
        read_rules(told)


@pytest.mark.parametrize("url", [None, "", "--privileged", "a b", "x;reboot", "docker://", 3])
def test_what_is_no_name_of_an_image_is_refused(url: Any) -> None:
    with pytest.raises(InvalidRequest, match="container_url"):
        bare_reference(url, "step")


def test_an_image_that_nobody_allowed_is_refused_with_what_is_allowed(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=rf"evil is not allowed here; allowed: {IMAGE}"):
        run(ALLOWED, tmp_path, {"container_url": "evil"})


def test_an_allowed_image_runs_with_the_options_that_are_asked_for(tmp_path: Path) -> None:
    args = {"container_url": f"oci://{IMAGE}", "run_options": ["--rm", "--privileged"]}
    runner, result = run(ALLOWED, tmp_path, args)
    pull, started = runner.followed
    assert pull == ("podman", "pull", IMAGE)
    assert started[-3:] == ("--rm", "--privileged", IMAGE)
    assert result == {"container": IMAGE, "output": ["a line"]}


@pytest.mark.parametrize("words", [["--rm", "evil/img", "sh"], ["--"], ["-v", "/a:/b"]])
def test_no_word_puts_another_image_before_the_allowed_one(
    words: list[str], tmp_path: Path
) -> None:
    for name in ("run_options", "pull_options"):
        with pytest.raises(InvalidRequest, match="are no options"):
            run(ALLOWED, tmp_path, {"container_url": IMAGE, name: words})


def test_a_login_among_the_options_is_not_told(tmp_path: Path) -> None:
    options = ["--creds=bob:secret"]
    line = f"podman run --cidfile={tmp_path}/container-id {options[0]} {IMAGE}"
    failed = Programs(CommandFailed(f"{line}: exit status 125: no"))
    with pytest.raises(CommandFailed) as raised:
        run(ALLOWED, tmp_path, {"container_url": IMAGE, "run_options": options}, failed)
    assert str(raised.value) == f"podman run ... {IMAGE}: exit status 125: no"


def test_an_arbitrary_image_gets_the_operators_options_alone() -> None:
    rules = ContainerRules(allow_arbitrary_containers=True)
    asked = ["--privileged"]
    assert allowed_options(rules, "any", asked, rules.run_options) == rules.run_options


def test_a_container_that_outlives_its_program_is_ended(tmp_path: Path) -> None:
    failed = Programs(CommandFailed("podman run: no end after 9 s; killed"))
    failed._answers = {"podman rm --force abc": ""}
    (tmp_path / "container-id").write_text("abc\n")
    with pytest.raises(CommandFailed):
        run(ALLOWED, tmp_path, {"container_url": IMAGE}, failed)
    assert failed.lines == ["podman rm --force abc"]


def test_the_ramdisks_file_names_steps(tmp_path: Path) -> None:
    file = tmp_path / "mysteps.yaml"
    file.write_text(FILE)
    made = with_rules(ContainerRules(container_steps_file=str(file)))
    step = made.steps[-1]  # type: ignore[index]
    assert step.name == "check_fans"
    assert step.priorities == {Phase.CLEAN: 30, Phase.DEPLOY: 0, Phase.SERVICE: 0}


@pytest.mark.parametrize(
    "text",
    [
        "steps: 3",
        "steps: [{name: a}]",
        "steps: [{name: a-b, image: x}]",
        "steps: [{name: a, image: x}, {name: a, image: y}]",
        "steps: [{name: generic_container_step, image: x}]",
        "{",
        "!!python/object/apply:os.system [reboot]",
    ],
)
def test_a_file_that_cannot_be_used_stops_the_agent_with_its_name(text: str) -> None:
    reserved = frozenset({"generic_container_step"})
    with pytest.raises(PluginError, match=r"mysteps\.yaml"):
        parse_step_file(text, "mysteps.yaml", reserved)
