"""Checks models with the official ONNX checker.

Reads models from standard input, each as its length (4 bytes, little-endian) and its bytes. Prints one JSON list: for
each model the checker's complaint, or null.
"""

import json
import struct
import sys

import onnx


def complaint(data: bytes) -> str | None:
    try:
        onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    except Exception as error:  # the checker and the parser raise many kinds
        return f"{type(error).__name__}: {error}"
    return None


complaints = []
while header := sys.stdin.buffer.read(4):
    (length,) = struct.unpack("<I", header)
    complaints.append(complaint(sys.stdin.buffer.read(length)))
print(json.dumps(complaints))
