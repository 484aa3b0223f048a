"""Clients that were turned away are told of once, then once a minute."""

import pytest

from agent.protocol.http_server.complaints import Complaints


def test_an_attack_is_told_of_at_once_and_then_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    complaints = Complaints(lambda: now[0])
    complaints.note("the queue for people is", None)
    for number in range(1000):
        complaints.note("the queue for people is", "192.0.2.7" if number % 3 else "192.0.2.8")
    complaints.note("the connections are", "192.0.2.9")
    now[0] = 60.0
    complaints.note("the queue for people is", "192.0.2.8")
    told = [record.getMessage().partition(";")[0] for record in caplog.records]
    assert told == [
        "the queue for people is full: 1 turned away, most of them from this machine",
        "the connections are full: 1 turned away, most of them from 192.0.2.9",
        "the queue for people is full: 1001 turned away, most of them from 192.0.2.7",
    ]
