"""What is passed on as JSON text says the same as what is read, row after row, whatever was kept of the rows before."""

import random
from typing import Any

import msgspec
from sqlalchemy import JSON, Column, Integer, MetaData, Table, create_engine, select

from controller.store.stored_json import passed_on, passed_on_unless_secret

_DOCUMENTS = Table(
    "documents", MetaData(), Column("id", Integer, primary_key=True), Column("document", JSON)
)


def _some_document(chosen: random.Random) -> Any:
    few = {"kind": f"k{chosen.randrange(5)}"}
    return chosen.choice(
        [
            None,
            {},
            [],
            few,
            {"place": chosen.randrange(300)},
            {"password": f"secret {chosen.randrange(3)}"},
            {"long": "x" * chosen.choice((900, 2000)), **few},
        ]
    )


def test_rows_say_the_same_as_text_and_as_documents() -> None:
    chosen = random.Random(7)
    documents = [_some_document(chosen) for _ in range(2000)]
    engine = create_engine("sqlite://")
    column = _DOCUMENTS.c.document
    with engine.begin() as connection:
        _DOCUMENTS.metadata.create_all(connection)
        rows = [{"id": number, "document": one} for number, one in enumerate(documents)]
        connection.execute(_DOCUMENTS.insert(), rows)
        for made in (passed_on(column), passed_on_unless_secret(column)):
            query = select(made.label("document")).order_by(_DOCUMENTS.c.id)
            for _ in range(2):
                found = connection.execute(query).scalars().all()
                assert msgspec.json.decode(msgspec.json.encode(found)) == documents


def test_text_that_may_hold_secrets_is_decoded_each_time() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        _DOCUMENTS.metadata.create_all(connection)
        rows = [{"id": number, "document": {"password": "p"}} for number in range(3)]
        connection.execute(_DOCUMENTS.insert(), rows)
        query = select(passed_on_unless_secret(_DOCUMENTS.c.document))
        assert connection.execute(query).scalars().all() == [{"password": "p"}] * 3
    engine.dispose()
