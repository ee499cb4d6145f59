"""Pages: Jinja templates, always escaped, and the words and figures that they share."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import jinja2

from pipeline.show_command import MASK

HIDDEN = MASK * 6  # masks do not tell lengths
_INVISIBLE = dict.fromkeys([*range(32), *range(127, 160)], "\N{REPLACEMENT CHARACTER}")
# Signs that turn the direction of what follows, or hide: shown, or a name could turn a sentence.
_TURNING = dict.fromkeys(
    [0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A), 0xFEFF],
    "\N{REPLACEMENT CHARACTER}",
)


class Pages:
    """The templates of `console/templates`."""

    def __init__(self) -> None:
        self.environment = jinja2.Environment(
            loader=jinja2.PackageLoader("console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters.update(
            moment=moment, day=day, number=number, dollars=dollars, plain=plain, words=words
        )
        self.environment.globals.update(
            HIDDEN=HIDDEN,
            stylesheet=_versioned("console.css"),
            script=_versioned("console.js"),
            icon=_versioned("console.svg"),
        )

    def render(self, template: str, **shown: Any) -> str:
        """The HTML of a template."""
        return self.environment.get_template(template).render(**shown)


def _versioned(name: str) -> str:
    """The path of a static file, named by its content, so that browsers may keep it."""
    content = files("console").joinpath("static", name).read_bytes()
    return f"/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def moment(value: datetime | None) -> str:
    """A moment to the minute in UTC."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def day(value: date | None) -> str:
    """A day."""
    return "" if value is None else value.isoformat()


def number(value: float | None) -> str:
    """A count, with thousands apart."""
    return "" if value is None else f"{value:,}"


def dollars(value: Decimal | None) -> str:
    """Dollars and cents."""
    return "" if value is None else f"{value:,.2f}"


def words(value: str | None) -> str:
    """A state as it is read: `partially_accepted` is `partially accepted`."""
    return (value or "").replace("_", " ")


def plain(value: str | None) -> str:
    """A received text with a sign for whatever would steer a browser or turn its direction."""
    return (value or "").translate(_INVISIBLE).translate(_TURNING)
