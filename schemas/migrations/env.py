"""Where Alembic finds the connection: the caller has opened it, and its transaction, already."""

from alembic import context

from schemas import (
    book,
    breaks,
    cases,
    console,
    database,
    disputes,
    matches,
    months,
    operations,
    premium_database,
    sign_offs,
    watch,
    what_ifs,
    wrappings,
)
from schemas.database import VERSION_TABLE

_declared = (  # of one catalogue
    database.file,
    book.event,
    breaks.break_,
    cases.case_,
    disputes.dispute,
    matches.match,
    months.month_file,
    premium_database.premium_file,
    sign_offs.signed_period,
    operations.operator_word,
    what_ifs.what_if,
    wrappings.wrapping,
    watch.alert,
    console.account,
)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=_declared[0].metadata,
    version_table=VERSION_TABLE,
)

with context.begin_transaction():
    context.run_migrations()
