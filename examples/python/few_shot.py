"""An exported learner in Python: adapts to the task of expected.safetensors, and prints a row of answers for each query.

    python examples/python/few_shot.py exported/hanzi
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

folder = Path(sys.argv[1])
data = (folder / "expected.safetensors").read_bytes()
# The length of the header, the header in JSON, the values.
start = 8 + int.from_bytes(data[:8], "little")
types = {"F32": np.float32, "I64": np.int64, "I32": np.int32, "U8": np.uint8}


def tensor(name):
    entry = json.loads(data[8:start])[name]
    first, last = entry["data_offsets"]
    return np.frombuffer(data[start + first : start + last], types[entry["dtype"]]).reshape(entry["shape"])


session = ort.InferenceSession(folder / "onnx" / "few_shot.onnx")
names = [output.name for output in session.get_outputs()]
feeds = {given.name: tensor(given.name) for given in session.get_inputs()}
answers = dict(zip(names, session.run(None, feeds)))
print("status", answers["status"])
for row in answers["probabilities" if "probabilities" in answers else "mean"]:
    print(row.tolist())
