"""How values become Temporal payloads and back: pydantic's JSON, with type adapters built once a process.

The SDK makes a payload converter for every workflow run, and with it an empty cache of type adapters; building those
for an intent, an answer and a settlement costs six milliseconds of processor a trade. This one shares the cache.
"""

from __future__ import annotations

from dataclasses import replace

from temporalio.contrib.pydantic import PydanticJSONPlainPayloadConverter, pydantic_data_converter
from temporalio.converter import CompositePayloadConverter, DefaultPayloadConverter, JSONPlainPayloadConverter

_JSON = PydanticJSONPlainPayloadConverter()


class SharedPayloadConverter(CompositePayloadConverter):
    """`PydanticPayloadConverter` on the process's one JSON converter: the same bytes, the same types."""

    def __init__(self) -> None:
        super().__init__(
            *(
                _JSON if isinstance(converter, JSONPlainPayloadConverter) else converter
                for converter in DefaultPayloadConverter.default_encoding_payload_converters
            )
        )


DATA_CONVERTER = replace(pydantic_data_converter, payload_converter_class=SharedPayloadConverter)
"""For every client of this system; histories written with pydantic's own converter read alike."""
