"""No path and no link of an image leads out of it."""

import contextlib
import hashlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.disks.file_tree import Tree
from agent.errors import FileSystemError, InvalidRequest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image's tree, beside what must not be touched."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/passwd").write_text("ramdisk")
    made = tmp_path / "image"
    (made / "etc").mkdir(parents=True)
    return made


def write(root: Path, path: str, content: bytes = b"new", **more: int) -> tuple[int, str]:
    return Tree(root).write(path, io.BytesIO(content), **more)


def test_a_file_is_made_with_its_folders_and_read_back(root: Path) -> None:
    done = write(root, "/etc/a/b/c", b"content", mode=0o600, dirmode=0o711)
    assert done == (7, hashlib.sha256(b"content").hexdigest())
    assert (root / "etc/a/b/c").read_bytes() == b"content"
    assert (root / "etc/a/b/c").stat().st_mode & 0o7777 == 0o600
    assert [(root / name).stat().st_mode & 0o7777 for name in ("etc/a", "etc/a/b")] == [0o711] * 2


def test_a_file_that_is_there_keeps_its_mode_and_loses_its_content(root: Path) -> None:
    file = root / "etc/hostname"
    file.write_text("a long old name")
    file.chmod(0o604)
    write(root, "etc/hostname", b"n1")
    assert file.read_text() == "n1"
    assert file.stat().st_mode & 0o7777 == 0o604


@pytest.mark.parametrize(
    ("link", "aim"),
    [
        ("etc/out", "/../../outside"),
        ("etc/out", "../../../outside"),
        ("etc/out", "{outside}"),
    ],
)
def test_a_link_to_a_folder_outside_ends_inside(root: Path, link: str, aim: str) -> None:
    outside = root.parent / "outside"
    (root / link).symlink_to(aim.format(outside=outside))
    write(root, f"/{link}/passwd")
    assert (outside / "passwd").read_text() == "ramdisk"
    assert [path.name for path in root.rglob("passwd")] == ["passwd"]


def test_a_link_to_a_file_is_followed_inside_and_replaced_nowhere(root: Path) -> None:
    (root / "run").mkdir()
    (root / "etc/resolv.conf").symlink_to("../run/resolv.conf")
    (root / "etc/passwd").symlink_to(root.parent / "outside/passwd")
    write(root, "/etc/resolv.conf")
    assert (root / "run/resolv.conf").read_bytes() == b"new"
    write(root, "/etc/passwd")
    assert (root.parent / "outside/passwd").read_text() == "ramdisk"
    inside = root.joinpath(*(root.parent / "outside/passwd").parts[1:])
    assert inside.read_bytes() == b"new"


def test_links_in_a_circle_and_paths_that_climb_end(root: Path) -> None:
    (root / "etc/a").symlink_to("b")
    (root / "etc/b").symlink_to("a")
    with pytest.raises(InvalidRequest, match="too many symbolic links"):
        write(root, "/etc/a/c")
    write(root, "/../../../../etc/x")
    assert (root / "etc/x").exists()
    with pytest.raises(InvalidRequest, match="ends at a folder"):
        write(root, "/etc/..")


def test_what_is_no_plain_file_is_left_alone(root: Path) -> None:
    os.mkfifo(root / "etc/pipe")
    for name in ("etc/pipe", "etc"):
        with pytest.raises(FileSystemError, match="no plain file; delete it first"):
            write(root, name)
    (root / "etc/file").write_text("x")
    with pytest.raises(
        FileSystemError, match=r"/etc/file/below: cannot be written: Not a directory"
    ):
        write(root, "/etc/file/below")


def test_deleting_takes_the_link_and_not_what_it_leads_to(root: Path) -> None:
    (root / "etc/passwd").symlink_to(root.parent / "outside/passwd")
    tree = Tree(root)
    assert tree.delete("/etc/passwd")
    assert not tree.delete("/etc/passwd")
    assert not tree.delete("/nowhere/passwd")
    assert (root.parent / "outside/passwd").exists()
    with pytest.raises(FileSystemError, match=r"/etc: cannot be deleted"):
        tree.delete("/etc")


def test_a_folder_is_found_through_a_link(root: Path) -> None:
    (root / "usr/bin").mkdir(parents=True)
    (root / "bin").symlink_to("usr/bin")
    (root / "dead").symlink_to("nowhere")
    tree = Tree(root)
    assert [tree.has_folder(name) for name in ("etc", "bin", "dead", "opt")] == [
        True,
        True,
        False,
        False,
    ]


_NAMES = st.sampled_from(["a", "b", "..", ".", "", "up", "abs", "self"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.lists(_NAMES, max_size=8))
def test_whatever_the_path_nothing_outside_is_touched(root: Path, names: list[str]) -> None:
    for name, aim in (("up", "../.."), ("abs", str(root.parent)), ("self", ".")):
        if not (root / name).is_symlink():
            (root / name).symlink_to(aim)
    before = sorted(path for path in root.parent.rglob("*") if root not in path.parents)
    with contextlib.suppress(FileSystemError, InvalidRequest):
        write(root, "/".join(["", *names, "new"]))
    assert sorted(p for p in root.parent.rglob("*") if root not in p.parents) == before
    assert (root.parent / "outside/passwd").read_text() == "ramdisk"


def test_reading_follows_links_inside_and_never_out(root: Path) -> None:
    outside = root.parent / "outside/passwd"
    (root / "etc/passwd").write_text("image")
    (root / "etc/link").symlink_to("/etc/passwd")
    (root / "etc/out").symlink_to(outside)
    (root / "etc/climbs").symlink_to("../../outside/passwd")
    tree = Tree(root)
    assert tree.read("/etc/link", 100) == b"image"
    assert [tree.read(f"etc/{name}", 100) for name in ("out", "climbs", "none")] == [None] * 3
    with pytest.raises(FileSystemError, match="etc/passwd: has more than 4 bytes"):
        tree.read("etc/passwd", 4)


def test_what_would_block_or_act_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "etc/pipe")
    (root / "etc/to-pipe").symlink_to("pipe")
    tree = Tree(root)
    assert [tree.read(f"etc/{name}", 9) for name in ("pipe", "to-pipe", ".")] == [None] * 3
    for path, reason in (("etc/pipe", "no plain file"), ("etc/a\0b", "has a NUL")):
        with pytest.raises(FileSystemError, match=reason), tree.opened(path):
            pass
    assert not tree.has_folder("etc\0")


def test_names_of_a_folder_are_bounded(root: Path) -> None:
    for name in ("b.conf", "a.conf", "c.conf"):
        (root / "etc" / name).touch()
    (root / "out").symlink_to("../outside")
    tree = Tree(root)
    assert tree.names("etc", 10) == ("a.conf", "b.conf", "c.conf")
    assert len(tree.names("etc", 2)) == 2
    assert [tree.names(name, 10) for name in ("none", "out", "etc/a.conf")] == [(), (), ()]
