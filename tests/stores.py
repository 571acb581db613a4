"""Tenants' databases for tests: made once, emptied after each test, and made anew if one changed.

Making a database and reaching it takes longer than most tests; emptying one takes a hundredth of
it, and what PostgreSQL and SQLAlchemy have learned of its statements stays. A test sees no
difference: tables, sequences, statistics and rights are those of a database just made, or it is
thrown away.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from profile_exchange.installation.embedded_postgres import EmbeddedPostgres
from profile_exchange.store.database import engine_for, migrate

TEMPLATE = "store_template"

#: What runs made goes, what they filled is emptied, numbers start again, and statistics are none.
#: Whoever holds a lock this long holds it for good.
EMPTY = """
do $$
declare
    one record;
begin
    set local lock_timeout = '2s';
    set local session_replication_role = replica;
    for one in
        select oid::regclass as name from pg_class
        where relkind = 'r' and relnamespace in ('exchange'::regnamespace, 'tenant'::regnamespace)
            and relname ~ '_[0-9]+$'
    loop
        execute format('drop table %s', one.name);
    end loop;
    for one in
        select oid, oid::regclass as name from pg_class
        where relkind = 'r' and relnamespace in ('exchange'::regnamespace, 'tenant'::regnamespace)
            and relname <> 'schema_version' and pg_relation_size(oid) > 0
    loop
        if pg_relation_size(one.oid) > 262144 then
            execute format('truncate %s cascade', one.name);
        else
            execute format('delete from %s', one.name);
        end if;
    end loop;
    delete from pg_statistic where starelid in (
        select oid from pg_class
        where relnamespace in ('exchange'::regnamespace, 'tenant'::regnamespace));
    perform setval(oid::regclass, 1, false) from pg_class
        where relkind = 'S' and relnamespace in ('exchange'::regnamespace, 'tenant'::regnamespace);
end $$
"""

#: A digest of everything in a database that emptying it leaves as it is.
SHAPE = """
select md5(string_agg(part, '|' order by part)) from (
    select concat_ws(' ', relname, relkind, relacl, relrowsecurity, reloptions,
        (select string_agg(concat_ws(' ', attname, atttypid, attacl), ',' order by attnum)
         from pg_attribute where attrelid = pg_class.oid and attnum > 0)) as part
    from pg_class where relnamespace in ('exchange'::regnamespace, 'tenant'::regnamespace)
    union all select concat_ws(' ', nspname, nspacl) from pg_namespace
        where nspname !~ '^pg_(toast_)?temp_'
    union all select concat_ws(' ', proname, proacl, md5(prosrc)) from pg_proc
        where pronamespace in ('exchange'::regnamespace, 'tenant'::regnamespace)
    union all select concat_ws(' ', tgname, tgenabled) from pg_trigger
    union all select concat_ws(' ', polname, polroles) from pg_policy
    union all select concat_ws(' ', setconfig) from pg_db_role_setting
    union all select concat_ws(' ', defaclacl) from pg_default_acl
    union all select concat_ws(' ', datacl) from pg_database where datname = current_database()
    union all select version_num from exchange.schema_version
) as parts
"""


@contextmanager
def emptied(url: str) -> Iterator[psycopg.Connection]:
    """A tenant's database, without what a test has left in it."""
    with engine_for(url).connect() as pooled:
        database = pooled.connection.driver_connection
        assert isinstance(database, psycopg.Connection)
        database.execute(EMPTY)
        database.commit()
        yield database


class Stores:
    """The databases of one test server, and which of them are free."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        migrate(server.create_database(TEMPLATE))
        engine_for(server.url(TEMPLATE)).dispose()
        with psycopg.connect(server.url(TEMPLATE)) as database:
            self._shape = _shape(database)

    @contextmanager
    def one(self) -> Iterator[str]:
        """The URL of a migrated, empty database that nobody else has."""
        name = self._free.pop() if self._free else self._made()
        url = self._server.url(name)
        try:
            yield url
        finally:
            if self._emptied(url):
                self._free.append(name)
            else:
                self._drop(name, url)

    def _made(self) -> str:
        name = f"store_{next(self._numbers)}"
        self._server.create_database(name, template=TEMPLATE)
        return name

    def _emptied(self, url: str) -> bool:
        """Whether a database is again as it was made."""
        try:
            with emptied(url) as database:
                return _shape(database) == self._shape
        except Exception:
            return False

    def _drop(self, name: str, url: str) -> None:
        engine_for(url).dispose()
        statement = sql.SQL("drop database if exists {} with (force)")
        with psycopg.connect(self._server.url(), autocommit=True) as database:
            database.execute(statement.format(sql.Identifier(name)))


def _shape(database: psycopg.Connection) -> str:
    return str(database.execute(SHAPE).fetchone())
