"""What a replay does not compare, as data: `replay.toml`, read and checked once."""

from functools import cache

from schemas.rows import Row, read_rows


class _Left(Row):
    why: str


class UncomparedTable(_Left):
    """A table of which nothing is compared."""

    table: str  # schema.table


class UncomparedColumn(_Left):
    """A column that is not compared, or only when no later run has followed."""

    table: str
    column: str
    only_at_the_end: bool = False


class UncomparedEntry(_Left):
    """An action of the audit trail whose entries are not compared."""

    action: str


class UncomparedKind(_Left):
    """A kind of object whose entries in the audit trail are not compared."""

    kind: str


class UncomparedDetail(_Left):
    """A detail of an action's entries that is not compared."""

    action: str
    detail: str


class Uncompared(Row):
    """Everything that a replay leaves out, each with the reason."""

    tables: tuple[UncomparedTable, ...]
    columns: tuple[UncomparedColumn, ...]
    entries: tuple[UncomparedEntry, ...]
    kinds: tuple[UncomparedKind, ...]
    details: tuple[UncomparedDetail, ...]

    @property
    def sentences(self) -> list[str]:
        """One line for each thing that is left out, for people."""
        told = [(row.table, row.why) for row in self.tables]
        for column in self.columns:
            later = " when later runs followed" if column.only_at_the_end else ""
            told.append((f"{column.table}.{column.column}{later}", column.why))
        told += [(f"entries '{row.action}'", row.why) for row in self.entries]
        told += [(f"entries of a {row.kind}", row.why) for row in self.kinds]
        told += [(f"entries '{row.action}', {row.detail}", row.why) for row in self.details]
        return [f"{what}: {why}" for what, why in told]


@cache
def load_uncompared() -> Uncompared:
    """What a replay leaves out."""
    return read_rows(Uncompared, "replay.toml")
