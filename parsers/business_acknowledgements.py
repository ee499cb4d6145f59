"""Business acknowledgements (BAA): what the exchange could not accept of what we sent, in XML.

Sources: CMS guide 7.2, sections 5.2 and 8; the names of elements are the exchange's, as data. The
file is fed to the parser piece by piece and no tree is made. Nothing that it declares is followed:
a DTD, an entity or a reference to something outside ends the reading.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax import SAXException
from xml.sax.handler import ContentHandler

import pyarrow as pa
from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from schemas import tables
from schemas.business_acknowledgements import BusinessAcknowledgementNames, load_answer_rules
from schemas.limits import AnswerLimits, load_answer_limits
from schemas.partners import Exchange, Partner
from strongroom.files import open_clear

_PIECE = 65_536  # bytes that are read at once


@dataclass(frozen=True)
class BusinessAcknowledgement:
    """`answers` is tables.BUSINESS_ANSWERS, `issues` tables.BUSINESS_ANSWER_ISSUES.

    With an issue of severity reject there are no answers: a file is read whole or not at all.
    """

    answers: pa.Table
    issues: pa.Table

    @property
    def is_refused(self) -> bool:
        """Whether nothing of the file was read."""
        return "reject" in self.issues["severity"].to_pylist()


def read_business_acknowledgement(
    path: Path, partner: Partner, exchange: Exchange, limits: AnswerLimits | None = None
) -> BusinessAcknowledgement:
    """What the file at `path` says to the partner. Nothing in the file raises."""
    limits = limits or load_answer_limits()
    reader = _Reader(exchange.business_acknowledgement, partner.trading_partner_id, limits)
    try:
        _feed(path, reader, limits)
        reader.conclude()
    except _RefusedError as refused:
        refusal = _issue(refused.rule, refused.line, None)
        return BusinessAcknowledgement(_table([], tables.BUSINESS_ANSWERS), _issues([refusal]))
    answers = _table(reader.answers, tables.BUSINESS_ANSWERS)
    return BusinessAcknowledgement(answers, _issues(reader.issues))


class _RefusedError(Exception):
    """Nothing of the file is read, by this rule."""

    def __init__(self, rule: str, line: int | None = None) -> None:
        super().__init__(rule)
        self.rule = rule
        self.line = line


def _feed(path: Path, reader: "_Reader", limits: AnswerLimits) -> None:
    if path.stat().st_size > limits.file_bytes:
        raise _RefusedError("answer-too-large")
    parser: Any = DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(reader)
    reader.line = parser.getLineNumber
    try:
        parser.feed(b"")  # or an empty file would not be looked at
        for piece in _pieces(path):
            parser.feed(piece)
        parser.close()
    except DefusedXmlException:
        raise _RefusedError("answer-with-declarations", reader.line()) from None
    except (SAXException, LookupError, ValueError):  # malformed, cut off, or in no known encoding
        raise _RefusedError("answer-not-xml", reader.line()) from None


def _pieces(path: Path) -> Iterator[bytes]:
    with open_clear(path) as file:
        while piece := file.read(_PIECE):
            yield piece


class _Reader(ContentHandler):
    """Hears elements begin and end, and keeps rows. Only wanted texts are kept, up to a length."""

    def __init__(
        self, names: BusinessAcknowledgementNames, addressee: str, limits: AnswerLimits
    ) -> None:
        super().__init__()
        self.answers: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.line: Callable[[], int | None] = lambda: None
        self._names = names
        self._addressee = addressee
        self._limits = limits
        self._path: list[str] = []
        self._text: list[str] | None = None
        self._length = 0
        self._partners: set[str] = set()
        self._transactions = 0
        self._transaction: dict[str, str] = {}
        self._errors: list[dict[str, str]] = []

    def startElement(self, name: str, attrs: object) -> None:  # noqa: N802 - SAX calls it so
        """An element begins."""
        del attrs
        local = name.rpartition(":")[2]
        if not self._path and local != self._names.root:
            raise _RefusedError("answer-of-another-kind", self.line())
        self._path.append(local)
        if len(self._path) > self._limits.depth:
            raise _RefusedError("answer-nested-too-deep", self.line())
        if self._is_in(self._names.transaction):
            self._transactions += 1
            self._transaction, self._errors = {}, []
        elif self._is_in(self._names.transaction, self._names.error):
            if len(self.answers) + len(self._errors) >= self._limits.answers:
                raise _RefusedError("answers-too-many", self.line())
            self._errors.append({})
        self._text = [] if self._column() else None
        self._length = 0

    def characters(self, content: str) -> None:
        """A piece of text."""
        if self._text is None:
            return
        room = self._limits.text_characters - self._length
        self._length += len(content)
        self._text.append(content[: max(room, 0)])

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX calls it so
        """An element ends."""
        del name
        column = self._column()
        if column and self._text is not None:
            self._keep(column, " ".join("".join(self._text).split()))
        if self._is_in(self._names.transaction):
            self._end_transaction()
        self._text = None
        self._path.pop()

    def conclude(self) -> None:
        """What can be said when the file has ended."""
        if not self._partners:
            raise _RefusedError("answer-without-addressee")
        if self._partners != {self._addressee}:
            raise _RefusedError("answer-for-another-partner")
        if not self._transactions:
            raise _RefusedError("answer-without-transaction")

    def _is_in(self, *names: str) -> bool:
        """Whether the element that is open now is these, from the root on."""
        return self._path[1:] == list(names)

    def _column(self) -> str | None:
        """What the text of the open element is called by us; None when it is not wanted."""
        names, inside = self._names, self._path[1:]
        match inside:
            case [name] if name == names.trading_partner_id:
                return "trading_partner_id"
            case [outer, name] if outer == names.transaction:
                return names.of_transaction.get(name)
            case [outer, error, name] if (outer, error) == (names.transaction, names.error):
                return names.of_error.get(name)
        return None

    def _keep(self, column: str, text: str) -> None:
        if self._length > self._limits.text_characters:
            self._tell("answer-text-cut")
        if not text:
            return
        inside = len(self._path)
        if column == "trading_partner_id":
            self._partners.add(text)
        elif inside == len(("root", "transaction", "name")):
            self._transaction[column] = text
        else:
            self._errors[-1][column] = text

    def _end_transaction(self) -> None:
        if "transaction_set_control_number" not in self._transaction:
            self._tell("answer-without-number")
        if not self._errors:
            self._tell("answer-without-error")
        severities = self._names.severities
        for error in self._errors:
            severity = severities.get(error.get("severity", ""))
            if severity is None:
                self._tell("answer-of-unknown-severity")
            row = {"transaction_ordinal": self._transactions, **self._transaction, **error}
            self.answers.append(row | {"severity": severity})

    def _tell(self, rule: str) -> None:
        if len(self.issues) >= self._limits.answers:
            raise _RefusedError("answers-too-many", self.line())
        self.issues.append(_issue(rule, self.line(), self._transactions or None))


def _issue(rule_id: str, line: int | None, transaction: int | None) -> dict[str, Any]:
    rule = load_answer_rules()[rule_id]
    return {
        "rule": rule.id,
        "severity": rule.severity,
        "transaction_ordinal": transaction,
        "line": line,
        "message": rule.wording,
    }


def _issues(rows: list[dict[str, Any]]) -> pa.Table:
    return _table(rows, tables.BUSINESS_ANSWER_ISSUES)


def _table(rows: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)
