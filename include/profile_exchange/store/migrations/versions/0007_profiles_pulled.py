"""How many different profiles a run pulled, and when each of them was modified.

Both are kept, so that nobody has to find them out again. Runs that are on their way get them too.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

#: When a staged profile was modified stays unknown; how many there are is counted.
COMPLETE = """
do $$
declare
    one record;
begin
    for one in
        select run.seq, format('exchange.staged_%s', run.seq) as staged,
            format('exchange.fate_%s', run.seq) as fate
        from exchange.run where to_regclass(format('exchange.staged_%s', run.seq)) is not null
    loop
        execute format('alter table %s add column modified bigint', one.staged);
        execute format(
            'update exchange.run set pulled = (select count(*) from (select profile_id from %s'
            ' union select profile_id from %s where reason = ''malformed_profile'') as met)'
            ' where seq = %s', one.staged, one.fate, one.seq);
    end loop;
end $$
"""
FORGET = """
do $$
declare
    one record;
begin
    for one in
        select format('exchange.staged_%s', run.seq) as staged from exchange.run
        where to_regclass(format('exchange.staged_%s', run.seq)) is not null
    loop
        execute format('alter table %s drop column modified', one.staged);
    end loop;
end $$
"""


def upgrade() -> None:
    op.add_column("run", sa.Column("pulled", sa.BigInteger(), nullable=True), schema="exchange")
    op.execute(COMPLETE)


def downgrade() -> None:
    op.execute(FORGET)
    op.drop_column("run", "pulled", schema="exchange")
