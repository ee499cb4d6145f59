"""What is watched: figures, and the conditions of which somebody is told. The rows of `watch.toml`.

And the tables of alerts: when a condition began and ceased to hold, and who has been told.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import sqlalchemy as sa
from pydantic import model_validator
from sqlalchemy.dialects.postgresql import JSONB

from schemas.columns import INSTANT, identity, metadata, one_of, text
from schemas.rows import Row, read_rows

# One row from when a condition begins to hold for its labels until it ceases to.
alert = sa.Table(
    "alert",
    metadata,
    identity("alert_id"),
    text("rule"),  # the id of a row of watch.toml
    sa.Column("about", JSONB, nullable=False),  # labels: ids, kinds and states
    sa.Column("value", sa.Double, nullable=False),  # of the figure when it began
    sa.Column("opened_at", INSTANT, nullable=False),
    sa.Column("closed_at", INSTANT),
    sa.Index(
        "uq_alert_open", "rule", "about", unique=True, postgresql_where=sa.text("closed_at IS NULL")
    ),
    sa.Index("ix_alert_closed_at", "closed_at"),
    schema="ledger",
)

# Who has heard of it: written when the sink has taken the message.
alert_told = sa.Table(
    "alert_told",
    metadata,
    sa.Column("alert_id", sa.BigInteger, sa.ForeignKey("ledger.alert.alert_id"), primary_key=True),
    sa.Column("event", sa.Text, primary_key=True),
    sa.Column("sink", sa.Text, primary_key=True),
    sa.Column("told_at", INSTANT, nullable=False),
    one_of("event", "opened", "closed"),
    one_of("sink", "webhook", "email"),
    schema="ledger",
)


@dataclass(frozen=True)
class Figure:
    """One figure: its metric, its value, and the labels that the metric has."""

    metric: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Metric(Row):
    """A figure by its name, what it says, and its labels."""

    name: str
    labels: tuple[str, ...]
    says: str


class Condition(Row):
    """A question whose yes somebody must hear, over a metric and a bound, or for Prometheus only.

    `do` is what to do about it.
    """

    id: str
    question: str
    metric: str | None = None
    above: float | None = None
    below: float | None = None
    expression: str | None = None  # of Prometheus, where no figure of ours can say it
    severity: Literal["critical", "warning"]
    do: str

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "Condition":
        bounds = [bound for bound in (self.above, self.below) if bound is not None]
        if (self.metric is None) == (self.expression is None) or len(bounds) != bool(self.metric):
            raise ValueError(f"{self.id} needs a metric with one bound, or an expression")
        return self

    @property
    def in_prometheus(self) -> str:
        """The condition in the language of Prometheus."""
        if self.expression is not None:
            return self.expression
        sign, bound = (">", self.above) if self.above is not None else ("<", self.below)
        return f"{self.metric} {sign} {bound:g}" if bound is not None else ""

    def holds(self, value: float) -> bool:
        """Whether a value of the metric is beyond the bound."""
        return (self.above is not None and value > self.above) or (
            self.below is not None and value < self.below
        )


class Watch(Row):
    """All metrics and conditions."""

    metrics: tuple[Metric, ...]
    alerts: tuple[Condition, ...]

    @model_validator(mode="after")
    def _names_what_there_is(self) -> "Watch":
        known = {one.name for one in self.metrics}
        unknown = {one.metric for one in self.alerts if one.metric} - known
        if unknown:
            raise ValueError(f"no metric {min(unknown)}")
        return self

    def condition(self, name: str) -> Condition:
        """The condition of that id; KeyError when there is none."""
        return {one.id: one for one in self.alerts}[name]

    def beyond(self, figures: Iterable[Figure]) -> list[tuple[Condition, Figure]]:
        """The figures that are beyond the bound of a condition, in the order of the rows."""
        known = list(figures)
        return [
            (condition, figure)
            for condition in self.alerts
            for figure in known
            if figure.metric == condition.metric and condition.holds(figure.value)
        ]


@cache
def load_watch() -> Watch:
    """The rows of `watch.toml`."""
    return read_rows(Watch, "watch.toml")
