import io

from rich.console import Console

from controller.client.screen import Screen


def test_a_command_to_copy_is_not_broken_at_the_edge_of_a_narrow_terminal() -> None:
    terminal = io.StringIO()
    command = "ssh -i /var/tmp/lab/demo_key -o StrictHostKeyChecking=no root@172.30.1.90"
    Screen([], Console(file=terminal, width=40)).say(command)
    assert command in terminal.getvalue()
