from pathlib import Path

from tests.bench.control_group import cpu_count, own_groups, plan_group


def test_controllers_that_share_a_hierarchy_share_a_path() -> None:
    assert own_groups("4:memory:/one\n1:cpu,cpuacct:/\n0::/two\n") == {
        "memory": "/one",
        "cpu": "/",
        "cpuacct": "/",
        "": "/two",
    }


def test_version_1_groups_are_made_below_the_own_ones(tmp_path: Path) -> None:
    (tmp_path / "memory/one").mkdir(parents=True)
    (tmp_path / "cpuacct").mkdir()
    plan = plan_group("b", {"memory": "/one", "cpuacct": "/", "": "/"}, tmp_path)
    assert plan is not None
    assert plan.folders == (tmp_path / "memory/one/b", tmp_path / "cpuacct/b")
    assert plan.peak == tmp_path / "memory/one/b/memory.max_usage_in_bytes"


def test_a_version_2_group_is_made_where_memory_is_handed_on(tmp_path: Path) -> None:
    (tmp_path / "user/session").mkdir(parents=True)
    (tmp_path / "cgroup.subtree_control").write_text("cpu memory\n")
    (tmp_path / "user/cgroup.subtree_control").write_text("cpu memory pids\n")
    (tmp_path / "user/session/cgroup.subtree_control").write_text("\n")
    plan = plan_group("b", {"": "/user/session"}, tmp_path)
    assert plan is not None
    assert plan.folders == (tmp_path / "user/b",)
    assert plan.cpu == tmp_path / "user/b/cpu.stat"


def test_without_a_memory_controller_there_is_no_group(tmp_path: Path) -> None:
    assert plan_group("b", {"": "/"}, tmp_path) is None


def test_both_versions_of_the_processor_counter_are_read() -> None:
    assert cpu_count("1234567890\n") == 1234567890
    assert cpu_count("usage_usec 42\nuser_usec 40\nsystem_usec 2\n") == 42
