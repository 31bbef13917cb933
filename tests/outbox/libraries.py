"""Existing code with each library: it writes invoices, and tells of them, in a transaction of its own."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import psycopg
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from remit import Outbox
from remit.hosting import SyncOutbox
from tests.outbox.shop import Settled, Shop


class Changed(Exception):
    """The code has changed its mind within the transaction."""


Numbers = Iterable[int]
Code = Callable[[Shop, Numbers, bool], Awaitable[None]]
"""Writes invoices of these numbers for the student ada, and tells of each; then raises `Changed`, if told to."""


def settled(number: int) -> Settled:
    return Settled(student="ada", number=number)


def async_outbox(shop: Shop) -> Outbox:
    return shop.system.outbox("billing", schema=shop.schema)


def sync_outbox(shop: Shop) -> SyncOutbox:
    return shop.system.outbox_sync("billing", schema=shop.schema)


def driven_by(server: str, driver: str) -> str:
    return server.replace("postgresql://", f"postgresql+{driver}://", 1)


def inserting(shop: Shop) -> bytes:
    """As bytes, because psycopg takes no other text than literals."""
    return f"INSERT INTO {shop.table} VALUES (%s)".encode()


async def with_sqlalchemy(shop: Shop, numbers: Numbers, change: bool) -> None:
    await asyncio.to_thread(_with_sqlalchemy, shop, numbers, change)


def _with_sqlalchemy(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = sync_outbox(shop)
    engine = sqlalchemy.create_engine(driven_by(shop.server, "psycopg"))
    try:
        with Session(engine) as session, session.begin():
            for number in numbers:
                session.execute(sqlalchemy.text(f"INSERT INTO {shop.table} VALUES (:number)"), {"number": number})
                outbox.publish(session, settled(number))
            if change:
                raise Changed
    finally:
        engine.dispose()


async def with_sqlalchemy_connection(shop: Shop, numbers: Numbers, change: bool) -> None:
    await asyncio.to_thread(_with_sqlalchemy_connection, shop, numbers, change)


def _with_sqlalchemy_connection(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = sync_outbox(shop)
    engine = sqlalchemy.create_engine(driven_by(shop.server, "psycopg"))
    try:
        with engine.begin() as connection:
            for number in numbers:
                connection.exec_driver_sql(f"INSERT INTO {shop.table} VALUES ({number})")
                outbox.publish(connection, settled(number))
            if change:
                raise Changed
    finally:
        engine.dispose()


async def with_async_sqlalchemy(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = async_outbox(shop)
    engine = create_async_engine(driven_by(shop.server, "asyncpg"))
    try:
        async with AsyncSession(engine) as session, session.begin():
            for number in numbers:
                insert = sqlalchemy.text(f"INSERT INTO {shop.table} VALUES (:number)")
                await session.execute(insert, {"number": number})
                await outbox.publish(session, settled(number))
            if change:
                raise Changed
    finally:
        await engine.dispose()


async def with_async_sqlalchemy_connection(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = async_outbox(shop)
    engine = create_async_engine(driven_by(shop.server, "asyncpg"))
    try:
        async with engine.begin() as connection:
            for number in numbers:
                await connection.exec_driver_sql(f"INSERT INTO {shop.table} VALUES ({number})")
                await outbox.publish(connection, settled(number))
            if change:
                raise Changed
    finally:
        await engine.dispose()


async def with_asyncpg(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = async_outbox(shop)
    pool = asyncpg.create_pool(shop.server, min_size=1)
    async with pool, pool.acquire() as connection, connection.transaction():
        for number in numbers:
            await connection.execute(f"INSERT INTO {shop.table} VALUES ($1)", number)
            await outbox.publish(connection, settled(number))
        if change:
            raise Changed


async def with_psycopg(shop: Shop, numbers: Numbers, change: bool) -> None:
    await asyncio.to_thread(_with_psycopg, shop, numbers, change)


def _with_psycopg(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = sync_outbox(shop)
    with psycopg.connect(shop.server) as connection:
        for number in numbers:
            connection.execute(inserting(shop), [number])
            outbox.publish(connection, settled(number))
        if change:
            raise Changed


async def with_async_psycopg(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = async_outbox(shop)
    connection = await psycopg.AsyncConnection.connect(shop.server, autocommit=True)
    async with connection, connection.transaction():
        for number in numbers:
            await connection.execute(inserting(shop), [number])
            await outbox.publish(connection, settled(number))
        if change:
            raise Changed


def django(server: str) -> Any:
    """The module `django.db`, connected to a server for as long as the tests run. It is untyped."""
    settings = importlib.import_module("django.conf").settings
    if not settings.configured:
        place = urlsplit(server)
        settings.configure(
            DATABASES={
                "default": {
                    "ENGINE": "django.db.backends.postgresql",
                    "NAME": place.path.lstrip("/"),
                    "HOST": place.hostname,
                    "PORT": place.port or "",
                    "USER": place.username,
                    "PASSWORD": place.password or "",
                },
                "elsewhere": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"},
            },
            USE_TZ=True,
        )
        importlib.import_module("django").setup()
    return importlib.import_module("django.db")


async def with_django(shop: Shop, numbers: Numbers, change: bool) -> None:
    await asyncio.to_thread(_with_django, shop, numbers, change)


def _with_django(shop: Shop, numbers: Numbers, change: bool) -> None:
    outbox = sync_outbox(shop)
    db = django(shop.server)
    try:
        with db.transaction.atomic():
            for number in numbers:
                with db.connection.cursor() as cursor:
                    cursor.execute(f"INSERT INTO {shop.table} VALUES (%s)", [number])
                outbox.publish(db.connection, settled(number))
            if change:
                raise Changed
    finally:
        db.connection.close()


LIBRARIES: list[Code] = [
    with_sqlalchemy,
    with_sqlalchemy_connection,
    with_async_sqlalchemy,
    with_async_sqlalchemy_connection,
    with_asyncpg,
    with_psycopg,
    with_async_psycopg,
    with_django,
]
