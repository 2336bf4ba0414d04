"""The protobuf message of a profile, made without generated code.

Source of the format: `proto/profile.proto` of github.com/google/pprof. Generated code would tie
this package to some versions of protobuf, and clash with any other package that registers
`perftools.profiles`; a descriptor in a pool of its own does neither.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import api_implementation

_FIELD = descriptor_pb2.FieldDescriptorProto
_INT64, _UINT64, _BOOL, _STRING, _BYTES = (
    _FIELD.TYPE_INT64,
    _FIELD.TYPE_UINT64,
    _FIELD.TYPE_BOOL,
    _FIELD.TYPE_STRING,
    _FIELD.TYPE_BYTES,
)

# message -> fields in the order of their numbers: (name, scalar type or message name, repeated)
_MESSAGES: dict[str, tuple[tuple[str, int | str, bool], ...]] = {
    "Profile": (
        ("sample_type", "ValueType", True),
        ("sample", "Sample", True),
        ("mapping", "Mapping", True),
        ("location", "Location", True),
        ("function", "Function", True),
        ("string_table", _STRING, True),
        ("drop_frames", _INT64, False),
        ("keep_frames", _INT64, False),
        ("time_nanos", _INT64, False),
        ("duration_nanos", _INT64, False),
        ("period_type", "ValueType", False),
        ("period", _INT64, False),
        ("comment", _INT64, True),
        ("default_sample_type", _INT64, False),
    ),
    "ValueType": (("type", _INT64, False), ("unit", _INT64, False)),
    "Sample": (
        ("location_id", _UINT64, True),
        ("value", _INT64, True),
        ("label", "Label", True),
    ),
    "Label": (
        ("key", _INT64, False),
        ("str", _INT64, False),
        ("num", _INT64, False),
        ("num_unit", _INT64, False),
    ),
    "Mapping": (
        ("id", _UINT64, False),
        ("memory_start", _UINT64, False),
        ("memory_limit", _UINT64, False),
        ("file_offset", _UINT64, False),
        ("filename", _INT64, False),
        ("build_id", _INT64, False),
        ("has_functions", _BOOL, False),
        ("has_filenames", _BOOL, False),
        ("has_line_numbers", _BOOL, False),
        ("has_inline_frames", _BOOL, False),
    ),
    "Location": (
        ("id", _UINT64, False),
        ("mapping_id", _UINT64, False),
        ("address", _UINT64, False),
        ("line", "Line", True),
        ("is_folded", _BOOL, False),
    ),
    "Line": (("function_id", _UINT64, False), ("line", _INT64, False)),
    "Function": (
        ("id", _UINT64, False),
        ("name", _INT64, False),
        ("system_name", _INT64, False),
        ("filename", _INT64, False),
        ("start_line", _INT64, False),
    ),
}


# A profile whose samples are left as they are on the wire: see samples.py.
_PROFILE_OF_BYTES = tuple(
    ("sample", _BYTES, True) if field[0] == "sample" else field for field in _MESSAGES["Profile"]
)


def profile_class() -> Any:
    """Return the message class of `perftools.profiles.Profile`.

    Warns where protobuf runs without its compiled backend.
    """
    return _message_class("Profile", undecoded=False)


def undecoded_profile_class() -> Any:
    """Return the same class, whose samples are the bytes of these messages."""
    return _message_class("Profile", undecoded=True)


def sample_class() -> Any:
    """Return the message class of a sample."""
    return _message_class("Sample", undecoded=False)


@functools.cache
def _message_class(wanted: str, *, undecoded: bool) -> Any:
    if api_implementation.Type() == "python":
        warnings.warn(
            "protobuf runs in pure Python here, which reads profiles 150 times slower: install one"
            " of its wheels, and leave PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION alone",
            RuntimeWarning,
            stacklevel=2,
        )
    file = descriptor_pb2.FileDescriptorProto(
        name="pytest_echoleak/profile.proto", package="pytest_echoleak", syntax="proto3"
    )
    messages = {**_MESSAGES, "Profile": _PROFILE_OF_BYTES} if undecoded else _MESSAGES
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for number, (field_name, kind, repeated) in enumerate(fields, start=1):
            field = message.field.add(name=field_name, number=number)
            field.label = _FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL
            if isinstance(kind, str):
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".pytest_echoleak.{kind}"
            else:
                field.type = kind  # type: ignore[assignment]
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"pytest_echoleak.{wanted}"))
