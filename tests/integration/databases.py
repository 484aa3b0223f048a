"""The two kinds of database that the controller runs on, as fixtures: each test runs on both."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from controller.store.database import Store
from controller.store.migrate import migrate
from controller.store.tables import NODE, WORKFLOW, Node, Work
from tests.integration.postgres_server import postgres_server


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/controller.sqlite"
    address: str = request.getfixturevalue("postgres_url")
    return new_database(address)


def new_database(postgres_url: str) -> str:
    """Make a database of the test's own on a server, and return its address."""
    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return make_url(postgres_url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    migrate(opened)
    yield opened
    opened.close()


def add_nodes(store: Store, count: int, due_at: float | None, conductor: str = "a") -> None:
    """Add nodes that are in a workflow."""
    with store.edit() as session:
        for _number in range(count):
            node = Node(
                uuid=str(uuid.uuid4()),
                created_at=1.0,
                provision_state="enroll",
                driver="fake-hardware",
                conductor=conductor,
            )
            session.add(node)
            session.flush()
            session.add(
                Work(
                    subject_kind=NODE,
                    subject_id=node.id,
                    lane=WORKFLOW,
                    stage="x",
                    entered_at=1.0,
                    started_at=1.0,
                    timeout_s=60.0,
                    due_at=due_at,
                    conductor=conductor,
                )
            )
