"""The base of everything that can be set, and how a setting that names a place is kept private."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict

LOCAL_PATH = "local-path"
LocalPath = Annotated[str, LOCAL_PATH]
"""A path on this machine: in ``experiment.yaml``, but never in a checkpoint, a log or W&B."""


class Settings(BaseModel):
    """Settings are immutable, typed data: an unknown field or a wrong type is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    def replace(self, **changes: Any) -> Self:  # noqa: ANN401 - the fields' own types
        """Copy with some fields changed and everything validated again."""
        return type(self).model_validate({**self.model_dump(), **changes})

    def public(self) -> dict[str, Any]:
        """Plain values without local paths, fit for a checkpoint, a log or W&B."""
        values = self.model_dump(mode="json")
        for name, field in type(self).model_fields.items():
            if _names_local_path(field.metadata, field.annotation):
                values[name] = None
            elif isinstance(inner := getattr(self, name), Settings):
                values[name] = inner.public()
        return values


def _names_local_path(metadata: list[Any], annotation: object) -> bool:
    return LOCAL_PATH in metadata or f"'{LOCAL_PATH}'" in repr(annotation)
