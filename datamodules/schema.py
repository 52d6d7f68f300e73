"""The base of everything that can be set, and how a setting that names a place is kept private."""

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

LOCAL_PATH = "local-path"
LocalPath = Annotated[str, LOCAL_PATH]
"""A path on this machine: in ``experiment.yaml``, but never in a checkpoint, a log or W&B."""


class Settings(BaseModel):
    """Settings are immutable, typed data: an unknown field or a wrong type is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @classmethod
    def explanation(cls, field: str) -> str:
        """What the docstring beneath a field says; empty where there is none.

        Read from the source when somebody asks: pydantic would read all of them at every start.
        """
        for owner in cls.__mro__:
            if issubclass(owner, Settings):
                texts = _texts_beneath_fields(owner.__module__)
                if text := texts.get((owner.__name__, field)):
                    return text
        return ""

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the fields' own types
        """Copy with some fields changed and everything validated again."""
        return type(self).model_validate({**self.model_dump(), **changes})

    def public(self) -> dict[str, Any]:
        """Plain values without local paths, fit for a checkpoint, a log or W&B."""
        values = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            if is_local_path(field):
                values[name] = None
            elif isinstance(inner := getattr(self, name), Settings):
                values[name] = inner.public()
        return values


@cache
def _texts_beneath_fields(module: str) -> dict[tuple[str, str], str]:
    """The docstrings of a module's fields by class and field; none where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError):
        return {}
    return {
        (owner.name, field.target.id): inspect.cleandoc(text.value.value)
        for owner in tree.body
        if isinstance(owner, ast.ClassDef)
        for field, text in pairwise(owner.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
        if isinstance(text.value.value, str)
    }


def is_local_path(field: FieldInfo) -> bool:
    """Whether a field names a place on this machine."""
    return LOCAL_PATH in field.metadata or f"'{LOCAL_PATH}'" in repr(field.annotation)
