"""Cases of exported programs run by onnxruntime in Python: a line of JSON for each group, as consume.mjs finds them."""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

folder = Path(sys.argv[1])
types = {"F32": np.float32, "I32": np.int32, "I64": np.int64, "BOOL": np.bool_, "U8": np.uint8}
options = ort.SessionOptions()
options.intra_op_num_threads = 1


def tensors_of(data):
    start = 8 + int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            values = np.frombuffer(data[start + first : start + last], types[entry["dtype"]])
            found[name] = values.reshape(entry["shape"])
    return found


def difference_of(found, expected):
    most = 0.0
    for name, right in expected.items():
        a, b = found[name].astype(np.float64), right.astype(np.float64)
        if a.shape != b.shape:
            return np.inf
        if name == "scores":
            a, b = np.exp(a), np.exp(b)
        counted = ~((a < -1e6) & (b < -1e6))
        a, b = a[counted], b[counted]
        if not (np.isfinite(a).all() and np.isfinite(b).all()):
            return np.inf
        if a.size:
            most = max(most, np.abs(a - b).max() / max(1e-3, np.abs(b).max()))
    return most


def within(tensors, prefix):
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


for line in (folder / "chosen.jsonl").read_text().splitlines():
    group = json.loads(line)
    tensors = tensors_of((folder / group["file"]).read_bytes())
    sessions = {}
    for name in ["adapt", "predict", "few_shot"]:
        session = ort.InferenceSession(folder / group["models"][name], options, providers=["CPUExecutionProvider"])
        sessions[name] = (session, [output.name for output in session.get_outputs()])

    def run(name, feeds):
        session, outputs = sessions[name]
        return dict(zip(outputs, session.run(None, feeds)))

    cases, most, worst = 0, 0.0, ""
    for task in group["tasks"]:
        feeds = within(tensors, f"{task}.feeds.")
        state = run("adapt", feeds)
        status = int(state.pop("status"))
        for queries in group["queries"]:
            asked = within(tensors, f"q{queries}.")
            expected = within(tensors, f"{task}.q{queries}.")
            for found in [run("predict", {**state, **asked}), run("few_shot", {**feeds, **asked})]:
                difference = difference_of(found, expected) if status == 0 else np.inf
                if difference > most:
                    most, worst = float(difference), f"{task}.q{queries}"
            cases += 1
    print(json.dumps({"name": group["name"], "cases": cases, "difference": most, "worst": worst}), flush=True)
