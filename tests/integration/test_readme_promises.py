"""What the README and the documentation promise exists: links, make targets, commands, test files, folders."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def files() -> list[Path]:
    """Return every file that git knows or would add."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in sorted(set(names.splitlines())) if (ROOT / name).exists()]


def pages() -> list[Path]:
    return [file for file in files() if file.suffix == ".md"]


def anchors(page: Path) -> set[str]:
    """Return the names of a page's headings as web hosts of repositories make them."""
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")
        for title in _HEADING.findall(text)
    }


def broken_links(page: Path) -> list[str]:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in _LINK.findall(text):
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        is_there = target.exists() and target.is_relative_to(ROOT)
        if not is_there or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


def make_targets(page: Path) -> set[str]:
    """Return the targets of lines that begin with ``make`` in code blocks, and of ``make`` in code in sentences."""
    text = page.read_text(encoding="utf-8")
    sentences = _BLOCK.sub("", text)
    lines = re.findall(r"^make (.+)$", "".join(_BLOCK.findall(text)), re.MULTILINE)
    words = " ".join([*lines, *re.findall(r"`make ([^`]+)`", sentences)]).split()
    return {word for word in words if "=" not in word}


def named_tests() -> list[str]:
    names = [word for word in re.findall(r"`(tests/[^`]*)`", README) if not word.endswith("/")]
    assert len(names) > 5, "the README's table of tests was not found"
    return names


def test_every_link_of_every_page_leads_somewhere() -> None:
    broken = {str(page.relative_to(ROOT)): broken_links(page) for page in pages()}
    assert {page: links for page, links in broken.items() if links} == {}


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](missing.md) [d](https://example.org/)\n")
    assert broken_links(page)[-1] == "missing.md"
    assert "#two" in broken_links(page)


@pytest.mark.parametrize("name", named_tests())
def test_a_test_that_the_readme_names_exists(name: str) -> None:
    assert list(ROOT.glob(name)), f"the README names {name}"


def test_every_make_target_that_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z-]+):(?!=)", makefile, re.MULTILINE))
    named = {str(page.relative_to(ROOT)): make_targets(page) for page in pages()}
    assert {"demo", "test"} <= named["README.md"]
    assert {"setup", "ramdisk", "peers"} <= named["docs/tutorial/first-deployment.md"]
    unknown = {page: targets - known for page, targets in named.items()}
    assert {page: targets for page, targets in unknown.items() if targets} == {}


@pytest.mark.parametrize("variable", ["FIRMWARE", "NODES", "KEEP"])
def test_the_demonstration_takes_the_variables_that_the_readme_names(variable: str) -> None:
    assert f"`{variable}=" in README
    asked = ["make", "--dry-run", "--always-make", "demo"]
    values = {"FIRMWARE": "uefi", "NODES": "3", "KEEP": "1"}
    shown = subprocess.run(
        [*asked, f"{variable}={values[variable]}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in shown.stdout.splitlines() if "tests.lab.demo" in line]
    flags = {"FIRMWARE": "--firmware uefi", "NODES": "--nodes 3", "KEEP": "--keep"}
    assert flags[variable] in line


@pytest.mark.parametrize("program", ["ingot-controller", "ingot-agent"])
def test_a_program_explains_itself(program: str) -> None:
    shown = subprocess.run([BIN / program, "--help"], capture_output=True, text=True, check=False)
    assert shown.returncode == 0
    assert program in shown.stdout
    assert shown.stderr == ""


def test_every_folder_of_the_readmes_tree_explains_itself() -> None:
    folders = re.findall(r"^\| \[`([a-z_-]+)/`\]", README, re.MULTILINE)
    tops = {file.relative_to(ROOT).parts[0] for file in files() if file.parent != ROOT}
    assert set(folders) == {name for name in tops if not name.startswith(".")}
    assert [name for name in folders if not (ROOT / name / "README.md").exists()] == []


def test_no_setting_that_the_how_to_sets_is_unknown() -> None:
    page = (ROOT / "docs/how-to/run-the-controller.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    text = "\n".join(blocks)
    shown = subprocess.run(
        [BIN / "ingot-controller", "settings", "--config", "/dev/stdin"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert 'dhcp_range = "192.0.2.100,192.0.2.199,255.255.255.0"' in shown.stdout
    assert "PASSWORD" not in shown.stdout
