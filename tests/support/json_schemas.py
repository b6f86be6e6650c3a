"""The published JSON Schemas of `report.json` and `manifest.json`, made from the types that write and read them."""

from __future__ import annotations

import inspect
import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from krr_export.output.manifest import Manifest
from krr_export.reporting.report import Report

if TYPE_CHECKING:
    from krr_export.util.stored_json import Document

DOCUMENTS: dict[str, type[Document]] = {"report": Report, "manifest": Manifest}
"""The documents of a snapshot, by the name of their file."""

_ATTRIBUTE = re.compile(r"^    (?:    )?(\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def json_schema(name: str) -> str:
    """The schema of a document, as its file has it."""
    (top,), parts = msgspec.json.schema_components([DOCUMENTS[name]], ref_template="#/$defs/{name}")
    structs = _structs(msgspec.inspect.type_info(DOCUMENTS[name]))
    for title, part in parts.items():
        _complete(part, structs[title])
    document = parts.pop(top["$ref"].rpartition("/")[2])
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:krr-export:{name}:{document['properties'][f'{name}_version']['const']}",
    }
    schema = {**head, **document, "title": f"krr-export {name}.json", "$defs": parts}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _structs(described: msgspec.inspect.Type) -> dict[str, type[msgspec.Struct]]:
    """All classes that a type is made of, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    pending = [described]
    while pending:
        one = pending.pop()
        if isinstance(one, msgspec.inspect.StructType):
            found[one.cls.__name__] = one.cls
            pending.extend(field.type for field in one.fields)
        for below in ("item_type", "key_type", "value_type", "type"):
            pending.extend([getattr(one, below)] if isinstance(getattr(one, below, None), msgspec.inspect.Type) else [])
        pending.extend(getattr(one, "types", ()))
    return found


def _complete(part: dict[str, Any], struct: type[msgspec.Struct]) -> None:
    """Add what holds for what this version writes: every key is there, and no other; and describe each."""
    text = inspect.cleandoc(struct.__doc__ or "")
    described = {name: " ".join(words.split()) for name, words in _ATTRIBUTE.findall(text)}
    part["description"] = _plain(text.partition("\n\nAttributes:")[0])
    part["additionalProperties"] = False
    part["required"] = list(part["properties"])
    version = struct.__struct_config__.tag_field
    for name, schema in part["properties"].items():
        schema.pop("default", None)
        if name == version:
            schema.update({"const": schema.pop("enum")[0], "description": "Of this format. Keys may be added to it."})
        else:
            schema["description"] = _sentence(described[name])


def _sentence(text: str) -> str:
    """Return text with a capital, unless it begins with a name that it explains."""
    return text if re.match(r"\w+:", text) else text[0].upper() + text[1:]


def _plain(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text).replace("`", "")
