"""A profile that comes unchanged in several segments has its properties staged once.

Runs that are on their way may stage rows without properties from now on. Going back leaves their
tables as they are: they are dropped with the runs.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"

LOOSEN = """
do $$
declare
    one record;
begin
    for one in
        select format('exchange.staged_%s', run.seq) as staged from exchange.run
        where to_regclass(format('exchange.staged_%s', run.seq)) is not null
    loop
        execute format('alter table %s alter column properties drop not null', one.staged);
    end loop;
end $$
"""


def upgrade() -> None:
    op.execute(LOOSEN)


def downgrade() -> None:
    """Nothing to take back."""
