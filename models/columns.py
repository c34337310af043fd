"""The tables that models declare, and each value of theirs on its way from SQLite to PostgreSQL."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from inspect import isclass
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.database import MODELS, storable, stored_json

_Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Table:
    """A model's table: its columns beginning with the key, and what makes SQLite's value of each PostgreSQL's."""

    name: str
    columns: tuple[str, ...]
    converters: tuple[_Convert, ...]
    is_json: tuple[bool, ...]
    counts: bool  # the database gives the ids
    order: str  # by the key, alike on both

    @property
    def key(self) -> str:
        """The column that tells rows apart."""
        return self.columns[0]

    def converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """A row of SQLite as PostgreSQL takes it."""
        return tuple(
            None if value is None else convert(value) for convert, value in zip(self.converters, row, strict=True)
        )

    def difference(self, wanted: Sequence[Any], found: Sequence[Any]) -> str | None:
        """The first column in which a converted row and one of PostgreSQL mean different things."""
        for column, is_json, one, other in zip(self.columns, self.is_json, wanted, found, strict=True):
            if one != other and not (is_json and _meaning(one) == _meaning(other)):
                return column
        return None


def tables() -> list[Table]:
    """Every model's table, as the models declare them."""
    return [_table(model) for module in MODELS for model in _models_of(module)]


def _models_of(module: str) -> list[type[Model]]:
    found = vars(import_module(module)).values()
    return [each for each in found if isclass(each) and issubclass(each, Model) and each.__module__ == module]


def _table(model: type[Model]) -> Table:
    meta = model._meta
    key = meta.db_pk_column
    columns = {column: meta.fields_map[name] for name, column in meta.fields_db_projection.items()}
    ordered = {key: columns.pop(key), **columns}
    return Table(
        name=meta.db_table,
        columns=tuple(ordered),
        converters=tuple(map(_converter, ordered.values())),
        is_json=tuple(isinstance(field, fields.JSONField) for field in ordered.values()),
        counts=meta.pk.generated,
        order=f"{key}" if isinstance(meta.pk, fields.IntField | fields.BigIntField) else f'{key} COLLATE "C"',
    )


def _converter(field: fields.Field[Any]) -> _Convert:
    for kind, convert in _CONVERTERS.items():
        if isinstance(field, kind):
            return convert
    raise TypeError(f"the values of {field.model_field_name}, a {type(field).__name__}, have no way to PostgreSQL yet")


def _moment(told: str) -> datetime:
    moment = datetime.fromisoformat(told)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _json(text: str) -> str:
    """SQLite keeps whatever it is given; these are all the words in which something unstorable can hide."""
    suspicious = "\\u" in text or "NaN" in text or "Infinity" in text
    return stored_json(json.loads(text)) if suspicious else text


_CONVERTERS: dict[Any, _Convert] = {  # a kind of field stands before those that it is made of
    fields.JSONField: _json,
    fields.DatetimeField: _moment,
    fields.BooleanField: bool,
    fields.FloatField: float,
    fields.CharField: storable,
    fields.TextField: storable,
    fields.SmallIntField: int,
    fields.IntField: int,
    fields.BigIntField: int,
}


def _meaning(text: str | None) -> Any:
    """What a JSON text says: PostgreSQL writes numbers, spaces and the order of members its own way."""
    return None if text is None else json.loads(text, parse_int=Decimal, parse_float=Decimal)
