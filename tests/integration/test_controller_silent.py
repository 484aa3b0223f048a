"""A controller that gives no answer: whether it may have taken the request all the same."""

import socket
import threading

import pytest

from agent.errors import ControllerUnreachable
from agent.lifecycle.controller_client import ConnectionOptions, ControllerClient


def may_have_arrived(port: int) -> bool:
    client = ControllerClient([f"http://127.0.0.1:{port}"], ConnectionOptions(timeout_s=0.5))
    with pytest.raises(ControllerUnreachable) as caught:
        client.newest_version()
    return caught.value.may_have_arrived


def test_nothing_arrives_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert not may_have_arrived(port)


@pytest.mark.parametrize("closes", [True, False])
def test_what_was_sent_and_not_answered_may_have_arrived(*, closes: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def take() -> None:
            connection, _peer = server.accept()
            connection.recv(10_000)
            if not closes:
                done.wait(10)
            connection.close()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            assert may_have_arrived(server.getsockname()[1])
        finally:
            done.set()
            thread.join(10)
