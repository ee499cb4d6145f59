"""Members whose ids do not say which record of the carrier is theirs: pairs, and why.

Of the rows that the exchange's policy and member ids leave alone on either side, other ids make
pairs first, then a person's word, then likeness (`likeness.py`). Likeness matches without a person
only where `schemas/matching.toml` allows it; what comes near waits for one. What persons said is an
input, so the pairs are a function of both snapshots, the rules and the decisions.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from reconciliation.comparison_sql import unlike_rows
from reconciliation.likeness import weigh
from schemas import records
from schemas.comparison import ComparedField, ComparisonRules
from schemas.errors import Terminal
from schemas.matching import Ids, MatchingRules
from strongroom.files import parquet

_KEYS = ", ".join(records.MATCH_KEY)


def match(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[ComparedField],
    rules: ComparisonRules,
    matching: MatchingRules,
    decisions: pa.Table | None,
) -> pa.Table:
    """The pairs (records.MATCHES) among the missing rows of the relation `unlike`, by their keys.

    `decisions` is records.MATCH_DECISIONS. No row is matched twice; a pair that a person refused is
    not in it, and one that a person accepted is, as long as both rows are alone.
    """
    for side, kind in (("book", "missing_at_carrier"), ("carrier", "missing_in_book")):
        connection.execute(_lone(side, kind, fields, rules))
    connection.register(
        "said", records.without_rows(records.MATCH_DECISIONS) if decisions is None else decisions
    )
    connection.execute(_FOUND)
    for ids in matching.ids:
        if set(ids.columns) <= {*rules.key, *(field.name for field in fields)}:
            connection.execute(_by_ids(ids))
            _take(connection)
    connection.execute(_BY_WORD)
    _take(connection)
    if _is_few(connection, matching) and weigh(connection, matching):
        connection.execute(_by_likeness(matching))
    found = connection.sql(
        f"SELECT {', '.join(records.MATCHES.names)} FROM found_pair ORDER BY {_KEYS}"  # noqa: S608
    )
    return found.to_arrow_table().cast(records.MATCHES).combine_chunks()


def read_decisions(path: Path) -> pa.Table:
    """What persons said of pairs (records.MATCH_DECISIONS); Terminal when the file is another's."""
    wanted = records.MATCH_DECISIONS
    try:
        found = pq.read_table(parquet(path))
        return found.select(wanted.names).cast(wanted)
    except (OSError, pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError):
        raise Terminal(
            f"{path} is no Parquet file of decisions with the columns {', '.join(wanted.names)}. "
            "Give the one that a night has kept: reconciliation.result names it."
        ) from None


def _lone(side: str, kind: str, fields: Sequence[ComparedField], rules: ComparisonRules) -> str:
    """The rows of one side that have no partner, numbered by their keys."""
    values = ", ".join(f"{side}_{field.name} AS {field.name}" for field in fields)
    policy, member = rules.key
    return f"""
        CREATE OR REPLACE TEMP TABLE lone_{side} AS
        SELECT row_number() OVER (ORDER BY {policy}, {member}) AS row_id, {policy} AS policy,
          {member} AS member, {policy}, {member}, {values}
        FROM unlike WHERE kind = '{kind}'
    """  # noqa: S608


_FOUND = """
    CREATE OR REPLACE TEMP TABLE found_pair (
      book_row BIGINT, carrier_row BIGINT, book_policy_id VARCHAR, book_member_id VARCHAR,
      carrier_policy_id VARCHAR, carrier_member_id VARCHAR, state VARCHAR, how VARCHAR,
      weight DOUBLE, runner_up DOUBLE, reasons VARCHAR[])
"""


def pair_up(
    connection: duckdb.DuckDBPyConnection,
    fields: Sequence[ComparedField],
    rules: ComparisonRules,
) -> tuple[ComparedField, ...]:
    """The fields that are compared once the rows of `unlike` that `found_pair` matches are one row.

    Of such a row the ids that the exchange's are held against are compared too: the carrier has
    others. Without a pair `unlike` and the fields stay as they are.
    """
    connection.execute("DELETE FROM found_pair WHERE state = 'proposed'")
    if not connection.table("found_pair").shape[0]:
        return tuple(fields)
    compared = (*rules.key_fields, *fields)
    by_pair = rules.model_copy(update={"key": ("pair",)})
    pairs = unlike_rows(f"({_paired(connection, rules)})", by_pair, compared)
    ours = ", ".join(f"book_{name} AS {name}" for name in rules.key)
    connection.execute(f"""
        CREATE OR REPLACE TEMP TABLE unlike AS
        SELECT u.* FROM unlike u
        ANTI JOIN found_pair p ON u.kind = 'missing_at_carrier' AND {_is_row("u", "book", rules)}
        ANTI JOIN found_pair p ON u.kind = 'missing_in_book' AND {_is_row("u", "carrier", rules)}
        UNION ALL BY NAME SELECT * EXCLUDE (pair), {ours} FROM ({pairs})
    """)  # noqa: S608
    return compared


def _paired(connection: duckdb.DuckDBPyConnection, rules: ComparisonRules) -> str:
    """SQL for the pairs with the columns of `looked_at`, and both sides' own ids beside them."""
    values = connection.table("looked_at").columns
    own = ", ".join(f"b.{n} AS b_{n}, c.{n} AS c_{n}" for n in rules.key)
    of_sides = ", ".join(
        f"{side}.{name}" for side in "bc" for name in values if name.startswith(f"{side}_")
    )
    return f"""
        SELECT p.book_policy_id || ' ' || p.book_member_id AS pair, b.file_id, b.policy_status,
          b.is_subscriber, b.never_covered, TRUE AS is_book, TRUE AS is_carrier, {own}, {of_sides}
        FROM found_pair p
        JOIN looked_at b ON NOT b.is_carrier
          AND {_is_row("b", "book", rules)}
        JOIN looked_at c ON NOT c.is_book
          AND {_is_row("c", "carrier", rules)}
    """  # noqa: S608


def _is_row(row: str, side: str, rules: ComparisonRules) -> str:
    """SQL for "the row is that of the side's ids"; a carrier's record may lack one of them."""
    policy, member = rules.key
    return (
        f"{row}.{policy} IS NOT DISTINCT FROM p.{side}_policy_id "
        f"AND {row}.{member} IS NOT DISTINCT FROM p.{side}_member_id"
    )


def _insert(pairs: str) -> str:
    """SQL that adds pairs (book_row, carrier_row, state, how, weight, runner_up, reasons)."""
    return f"""
        INSERT INTO found_pair BY NAME
        SELECT p.*, b.policy AS book_policy_id, b.member AS book_member_id,
          c.policy AS carrier_policy_id, c.member AS carrier_member_id
        FROM ({pairs}) p
        JOIN lone_book b ON b.row_id = p.book_row
        JOIN lone_carrier c ON c.row_id = p.carrier_row
    """  # noqa: S608


def _by_ids(ids: Ids) -> str:
    same = " AND ".join(f"b.{name} = c.{name}" for name in ids.columns)
    agrees = " OR ".join(f"b.{name} = c.{name}" for name in ids.agrees)
    return _insert(f"""
        SELECT b.row_id AS book_row, c.row_id AS carrier_row, 'matched' AS state,
          '{ids.name}' AS how
        FROM lone_book b JOIN lone_carrier c ON {same}
        ANTI JOIN {_REFUSED} ON {_SAME_PAIR}
        WHERE {agrees}
        QUALIFY count(*) OVER (PARTITION BY b.row_id) = 1
          AND count(*) OVER (PARTITION BY c.row_id) = 1
    """)  # noqa: S608


_SAME_PAIR = (
    "s.book_policy_id = b.policy AND s.book_member_id = b.member "
    "AND s.carrier_policy_id IS NOT DISTINCT FROM c.policy "
    "AND s.carrier_member_id IS NOT DISTINCT FROM c.member"
)
_REFUSED = "(SELECT * FROM said WHERE word = 'refuse') s"

# Two accepted pairs of one record contradict each other: neither holds.
_BY_WORD = _insert(f"""
    SELECT b.row_id AS book_row, c.row_id AS carrier_row, 'accepted' AS state,
      'a person' AS how
    FROM said s JOIN lone_book b ON s.book_policy_id = b.policy AND s.book_member_id = b.member
    JOIN lone_carrier c ON {_SAME_PAIR}
    WHERE s.word = 'accept'
    QUALIFY count(*) OVER (PARTITION BY b.row_id) = 1
      AND count(*) OVER (PARTITION BY c.row_id) = 1
""")  # noqa: S608


def _take(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows that have a partner are alone no more."""
    for side in ("book", "carrier"):
        connection.execute(
            f"DELETE FROM lone_{side} WHERE row_id IN (SELECT {side}_row FROM found_pair)"  # noqa: S608
        )


def _is_few(connection: duckdb.DuckDBPyConnection, matching: MatchingRules) -> bool:
    """Whether both sides have rows left, and neither more than can be looked at."""
    book, carrier = (connection.table(f"lone_{side}").shape[0] for side in ("book", "carrier"))
    return min(book, carrier) > 0 and not matching.is_too_much((book, carrier))


def _by_likeness(matching: MatchingRules) -> str:
    """SQL that adds the pairs of `weighed` that are matched, and those that a person has to see."""
    needed = matching.automatic
    others = ", ".join(
        f"CASE WHEN row_number() OVER {side} = 1 THEN lead(weight) OVER {side} "
        f"ELSE first_value(weight) OVER {side} END AS other_{side}"
        for side in ("of_book", "of_carrier")
    )
    return _insert(f"""
        WITH allowed AS (
          SELECT w.* FROM weighed w
          JOIN lone_book b ON b.row_id = w.book_row JOIN lone_carrier c ON c.row_id = w.carrier_row
          ANTI JOIN {_REFUSED} ON {_SAME_PAIR}
        ), ranked AS (
          SELECT *, {others} FROM allowed
          WINDOW of_book AS (PARTITION BY book_row ORDER BY weight DESC, carrier_row),
            of_carrier AS (PARTITION BY carrier_row ORDER BY weight DESC, book_row)
        ), judged AS (
          SELECT *, greatest(other_of_book, other_of_carrier) AS runner_up,
            needs_met AND weight >= {needed.weight}
              AND coalesce(weight - runner_up >= {needed.margin}, TRUE) AS is_sure
          FROM ranked
        )
        SELECT book_row, carrier_row, CASE WHEN is_sure THEN 'matched' ELSE 'proposed' END AS state,
          'likeness' AS how, weight, runner_up, reasons
        FROM judged
        WHERE is_sure OR (weight >= {needed.shown_from}
          AND book_row NOT IN (SELECT book_row FROM judged WHERE is_sure)
          AND carrier_row NOT IN (SELECT carrier_row FROM judged WHERE is_sure))
    """)  # noqa: S608
