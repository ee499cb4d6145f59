"""The comparison in SQL, written from the rows of the rules.

The relations `book` and `carrier` are joined on the key, and only rows that are not the same as
they stand come out (`rows_to_look_at`). That much is said in words that DuckDB and Spark share, so
either may do it; DuckDB joins keys and hashes first (`unequal_keys`), and whole rows only where
these differ. What a kind makes of a value is worked out for these few rows, by DuckDB alone: no two
dialects can disagree.
"""

from collections.abc import Sequence

from reconciliation.span_sql import MONTHS_MORE, SAME_SPANS
from schemas import tables
from schemas.comparison import ComparedField, ComparisonRules

# SQL for "the two values agree" by the kind of field; {b} and {c} are the values of both sides.
_AGREES = {
    "exact": "{b} IS NOT DISTINCT FROM {c}",
    "date": "{b} IS NOT DISTINCT FROM {c}",
    "caseless": "{b} IS NOT DISTINCT FROM {c} OR upper({b}) IS NOT DISTINCT FROM upper({c})",
    "name": "CASE WHEN {b} = {c} THEN TRUE ELSE {b_letters} IS NOT DISTINCT FROM {c_letters} END",
    "digits": "CASE WHEN {b} = {c} THEN TRUE ELSE {b_digits} IS NOT DISTINCT FROM {c_digits} END",
    "postal_code": "CASE WHEN {b} = {c} THEN TRUE WHEN length({b_digits}) = length({c_digits}) "
    "THEN {b_digits} = {c_digits} "
    "ELSE substr({b_digits}, 1, 5) IS NOT DISTINCT FROM substr({c_digits}, 1, 5) END",
    "money": "CASE WHEN {b} IS NULL OR {c} IS NULL THEN {b} IS NOT DISTINCT FROM {c} "
    "ELSE abs({b} - {c}) <= {tolerance} END",
    "end_date": "coalesce({b}, {b_year_end}) IS NOT DISTINCT FROM coalesce({c}, {c_year_end})",
    "spans": f"{{b}} IS NULL OR {{c}} IS NULL OR {SAME_SPANS}",
}
_LETTERS = r"nullif(regexp_replace(upper(nfc_normalize({0})), '[^\p{{L}}\p{{N}}]', '', 'g'), '')"
_DIGITS = r"nullif(regexp_replace({0}, '[^0-9]', '', 'g'), '')"
_YEAR_END = "make_date(year({0}_benefit_begin), 12, 31)"
_DOLLARS = ("premium", "aptc", "csr")
_OWN_PREMIUM = "individual_premium"
_COMPARED = "SELECT policy FROM policy_compared WHERE policy IS NOT NULL"


def unequal_keys(rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
    """SQL of DuckDB for the keys of rows that are not the same as they stand, or have no partner.

    Of each row only the key and 64 bits of all compared values are joined. A row whose single
    field differs always has another hash unless the field's own hash is the same: with a million
    rows that differ, once in some million million comparisons.
    """
    hashed = f"SELECT {', '.join(rules.key)}, hash({', '.join(_needed(fields))}) AS bits"
    key = ", ".join(f"coalesce(b.{name}, c.{name}) AS {name}" for name in rules.key)
    return f"""
          SELECT {key} FROM ({hashed} FROM book) AS b FULL JOIN ({hashed} FROM carrier) AS c
          ON {_same_keys("b", "c", rules)} WHERE b.bits IS DISTINCT FROM c.bits
    """  # noqa: S608


def rows_to_look_at(
    rules: ComparisonRules, fields: Sequence[ComparedField], among: str | None = None
) -> str:
    """SQL for the rows of both sides, joined on the key, that are not the same as they stand.

    Columns: the key, `file_id`, `policy_status`, `is_subscriber`, `never_covered` (by the book),
    `is_book`, `is_carrier`, and the values of both sides as `b_…` and `c_…`. With `among` only keys
    of that relation are looked at, in words of DuckDB.
    """
    on = _same_keys("b", "c", rules)
    key = ", ".join(f"coalesce(b.{name}, c.{name}) AS {name}" for name in rules.key)
    only = f" AS s SEMI JOIN {among} AS k ON {_same_keys('s', 'k', rules)}" if among else ""
    needed = _needed(fields)
    values = ", ".join(f"{side}.{name} AS {side}_{name}" for name in needed for side in "bc")
    as_they_stand = " OR ".join(f"b.{name} IS DISTINCT FROM c.{name}" for name in needed)
    return f"""
          SELECT {key}, b.file_id, b.policy_status, b.is_subscriber,
                 b.benefit_begin = b.benefit_end AND b.coverage_spans IS NULL AS never_covered,
                 b.is_there IS NOT NULL AS is_book, c.is_there IS NOT NULL AS is_carrier, {values}
          FROM (SELECT *, TRUE AS is_there FROM book{only}) AS b
          FULL JOIN (SELECT *, TRUE AS is_there FROM carrier{only}) AS c ON {on}
          WHERE b.is_there IS NULL OR c.is_there IS NULL OR {as_they_stand}
    """  # noqa: S608


def _needed(fields: Sequence[ComparedField]) -> list[str]:
    """The columns of both sides that the fields' comparison reads."""
    return sorted({column for field in fields for column in field.columns} | {"benefit_begin"})


def _same_keys(one: str, other: str, rules: ComparisonRules) -> str:
    """SQL for "both rows have each part of the key, or both lack it".

    Not IS NOT DISTINCT FROM: some engines join by that row against row, not by hashes.
    """
    return " AND ".join(
        f"coalesce({one}.{name}, '') = coalesce({other}.{name}, '') "
        f"AND ({one}.{name} IS NULL) = ({other}.{name} IS NULL)"
        for name in rules.key
    )


def unlike_rows(looked_at: str, rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
    """SQL for one row per key that is not matched: what it is, both sides' values, what agrees.

    `looked_at` is a relation with the columns of `rows_to_look_at`. Columns: the key, `kind`,
    `file_id`, `is_subscriber`, and for each field `book_…`, `carrier_…` and `same_…`.
    """
    may_be_absent = ", ".join(f"'{status}'" for status in rules.may_be_absent) or "NULL"
    compared = ", ".join(
        f"b_{field.name} AS book_{field.name}, c_{field.name} AS carrier_{field.name}, "
        f"{_told_as_same(field, fields, rules)} AS same_{field.name}"
        for field in fields
    )
    all_agree = " AND ".join(f"same_{field.name}" for field in fields) or "TRUE"
    return f"""
        SELECT * FROM (
        SELECT {", ".join(rules.key)}, file_id, is_subscriber, {compared},
               CASE WHEN NOT is_book THEN 'missing_in_book'
                    WHEN NOT is_carrier AND (policy_status IN ({may_be_absent})
                      OR coalesce(never_covered, FALSE)) THEN 'may_be_absent'
                    WHEN NOT is_carrier THEN 'missing_at_carrier'
                    ELSE 'differs' END AS kind
        FROM {looked_at}
        ) WHERE kind <> 'differs' OR NOT ({all_agree})
    """  # noqa: S608


def _told_as_same(
    field: ComparedField, fields: Sequence[ComparedField], rules: ComparisonRules
) -> str:
    """SQL that is true where the field's difference is none, or another field tells it."""
    agrees = _agrees(field, rules)
    known = {one.name: one for one in fields}
    if field.spans in known:
        both = {"b": f"b_{field.spans}", "c": f"c_{field.spans}"}
        agrees = f"({agrees} OR coalesce({SAME_SPANS.format(**both)}, FALSE))"
    beside = [_agrees(known[name], rules) for name in field.beside if name in known]
    return f"({agrees} OR NOT ({' AND '.join(beside)}))" if beside else agrees


def _agrees(field: ComparedField, rules: ComparisonRules) -> str:
    """SQL that is true where the field's values agree or are not to be compared."""
    book, carrier = (_value(side, field) for side in "bc")
    agrees = _AGREES[field.kind].format(
        b=book,
        c=carrier,
        b_letters=_LETTERS.format(book),
        c_letters=_LETTERS.format(carrier),
        b_digits=_DIGITS.format(book),
        c_digits=_DIGITS.format(carrier),
        b_year_end=_YEAR_END.format("b"),
        c_year_end=_YEAR_END.format("c"),
        tolerance=rules.money_tolerance,
    )
    if field.members == "subscriber":
        agrees = f"NOT coalesce(is_subscriber, FALSE) OR ({agrees})"
    if field.book_blank == "skip":
        agrees = f"b_{field.name} IS NULL OR ({agrees})"
    return f"({agrees})"


def _value(side: str, field: ComparedField) -> str:
    value = f"{side}_{field.name}"
    if field.blank == "zero":
        return f"coalesce({value}, 0)"
    if field.instead is not None:
        blank, other = field.instead.where_blank, field.instead.take
        one_sided = f"{side}_{blank} IS NULL AND (b_{blank} IS NULL) <> (c_{blank} IS NULL)"
        return f"CASE WHEN {one_sided} THEN {side}_{other} ELSE {value} END"
    return value


def differences(rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
    """SQL over the relation `unlike` for tables.DIFFERENCES, by key and in the rules' order.

    A policy's dollars that the carrier tells of members who are missing in the book count once, on
    the first of these rows, wherever they stand: who the subscriber is, only the book knows. They
    do not count where the book's subscriber has a partner in the policy (the relation
    `policy_compared`): there they are compared.
    """
    key = ", ".join(rules.key)
    disagreeing = ", ".join(
        f"{{'place': {place}, 'same': same_{field.name}, 'field': '{field.name}', "
        f"'book': CAST(book_{field.name} AS VARCHAR), "
        f"'carrier': CAST(carrier_{field.name} AS VARCHAR), {_of_field(field, fields)}}}"
        for place, field in enumerate(fields, 1)
    )
    dollars = ", ".join(f"found.{name} AS {name}_difference" for name in _DOLLARS)
    columns = ", ".join(tables.DIFFERENCES.names)
    return f"""
        SELECT {columns} FROM (
          SELECT {key}, kind, file_id, found.place, found.field, found.book AS book_value,
                 found.carrier AS carrier_value, {dollars}
          FROM (SELECT {key}, kind, file_id, unnest([{disagreeing}]) AS found
                FROM unlike WHERE kind = 'differs')
          WHERE NOT found.same
          UNION ALL BY NAME
          SELECT {key}, kind, file_id, 0 AS place, {_of_rows(rules, fields)}
          FROM unlike WHERE kind IN ('missing_at_carrier', 'missing_in_book')
        ) ORDER BY {key}, place
    """  # noqa: S608


def lone_policies(rules: ComparisonRules) -> str:
    """SQL over `unlike` for the policies of which the carrier has a member whom the book lacks."""
    policy = rules.key[0]
    return f"SELECT DISTINCT {policy} AS policy FROM unlike WHERE kind = 'missing_in_book'"  # noqa: S608


def known_policies(lone: str, rules: ComparisonRules) -> str:
    """SQL in words of every engine for those policies of the relation `lone` that the book has."""
    policy = rules.key[0]
    return f"SELECT policy FROM {lone} WHERE policy IN (SELECT {policy} FROM book)"  # noqa: S608


def compared_policies(known: str, pairs: str, rules: ComparisonRules) -> str:
    """SQL for the carrier's policies of which the book's subscriber has a partner.

    `known` is a relation of policies that the book has, `pairs` one of records.MATCHES.
    """
    policy, member = rules.key
    return f"""
        SELECT policy FROM {known} k WHERE NOT EXISTS (
          SELECT 1 FROM unlike u WHERE u.{policy} = k.policy AND u.is_subscriber
            AND u.kind IN ('missing_at_carrier', 'may_be_absent'))
        UNION SELECT p.carrier_policy_id FROM {pairs} p JOIN looked_at b ON b.is_subscriber
          AND b.{policy} = p.book_policy_id AND b.{member} = p.book_member_id
        WHERE p.state IN ('matched', 'accepted')
    """  # noqa: S608


def _of_field(field: ComparedField, fields: Sequence[ComparedField]) -> str:
    """The difference in dollars of the field that is about dollars, by name.

    Of a day or a span it is the member's own premium for the months and days that differ.
    """
    taken = f"coalesce(carrier_{field.name}, 0) - coalesce(book_{field.name}, 0)"
    if field.kind in MONTHS_MORE:
        is_told = any(one.name == _OWN_PREMIUM for one in fields)
        own = f"coalesce(book_{_OWN_PREMIUM}, carrier_{_OWN_PREMIUM})" if is_told else "NULL"
        taken = f"round({own} * ({_months_more(field, fields)}), 2)"
    return ", ".join(
        f"'{name}': CAST({taken if field.dollars == name else 'NULL'} AS DECIMAL(12, 2))"
        for name in _DOLLARS
    )


def _months_more(field: ComparedField, fields: Sequence[ComparedField]) -> str:
    """SQL for how many months more the carrier covers, as far as the field tells it.

    Where both sides have told their spans, the first of the days that differ tells it of all.
    """
    alone = MONTHS_MORE[field.kind].format(field.name)
    if field.spans is None or all(one.name != field.spans for one in fields):
        return alone
    before = fields[: fields.index(field)]
    told = [f"same_{one.name}" for one in before if one.spans == field.spans]
    whole = MONTHS_MORE["spans"].format(field.spans)
    is_first = " AND ".join(told) or "TRUE"
    return f"CASE WHEN {whole} IS NULL THEN {alone} WHEN {is_first} THEN {whole} ELSE 0 END"


def _of_rows(rules: ComparisonRules, fields: Sequence[ComparedField]) -> str:
    """The dollars of a row that one side lacks: all that the other side has."""
    by_name = {f.dollars: f.name for f in fields if f.dollars and f.kind == "money"}
    policy, member = rules.key
    rows = f"PARTITION BY kind, {policy} ORDER BY {member}"
    counts = f"row_number() OVER ({rows}) = 1 AND NOT coalesce({policy} IN ({_COMPARED}), FALSE)"
    told = f"OVER ({rows} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)"
    return ", ".join(
        f"CASE WHEN kind = 'missing_at_carrier' THEN -book_{by_name[name]} WHEN {counts} "
        f"THEN first_value(carrier_{by_name[name]} IGNORE NULLS) {told} END AS {name}_difference"
        if name in by_name
        else f"CAST(NULL AS DECIMAL(12, 2)) AS {name}_difference"
        for name in _DOLLARS
    )
