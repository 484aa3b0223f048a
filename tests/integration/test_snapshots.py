"""What a session for reading sees while others write, on SQLite and on PostgreSQL: one moment of the database."""

from sqlalchemy import select

from controller.store.database import Store
from controller.store.tables import Node, Work
from tests.integration.databases import add_nodes, postgres_url, store, url

__all__ = ["postgres_url", "store", "url"]


def end_with_an_error(store: Store) -> None:
    """As ``fail`` does: the work goes and the error comes, in one transaction."""
    with store.edit() as session:
        node = session.scalars(select(Node)).one()
        node.last_error = "no answer"
        session.delete(session.scalars(select(Work)).one())


def test_a_node_and_its_work_are_of_the_same_moment(store: Store) -> None:
    add_nodes(store, 1, due_at=None)
    with store.read() as session:
        error = session.scalars(select(Node.last_error)).one()
        end_with_an_error(store)
        work = session.scalars(select(Work)).all()
        assert (error, len(work)) == (None, 1)
        assert session.scalars(select(Node.last_error)).one() is None
    with store.read() as session:
        error = session.scalars(select(Node.last_error)).one()
        work = session.scalars(select(Work)).all()
        assert (error, len(work)) == ("no answer", 0)


def test_a_reader_holds_up_no_writer_and_leaves_no_transaction_behind(store: Store) -> None:
    add_nodes(store, 1, due_at=None)
    with store.read() as session:
        session.scalars(select(Node)).one()
        end_with_an_error(store)
    with store.edit() as session:
        assert session.connection().get_isolation_level() in {"READ COMMITTED", "SERIALIZABLE"}
        session.scalars(select(Node)).one().last_error = "another"
    with store.read() as session:
        assert session.scalars(select(Node.last_error)).one() == "another"
