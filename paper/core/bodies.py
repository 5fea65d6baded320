"""The bodies of the operator's requests: JSON, checked by a model."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from domain.errors import BadInput

_Model = TypeVar("_Model", bound=BaseModel)


def body_of(model: type[_Model], body: bytes) -> _Model:
    """Raises `BadInput` (`bad_json`, `bad_body`) naming the field that is wrong."""
    try:
        return model.model_validate(json_of(body))
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise BadInput(f"{where}; expected {', '.join(model.model_fields)}", "bad_body") from None


def json_of(body: bytes) -> Any:
    """Raises `BadInput` (`bad_json`)."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"the body is not JSON ({error}); expected a JSON document", "bad_json") from None
