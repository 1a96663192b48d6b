# Makes seqeval-1.2.2.json: random IO and BIO tags and what seqeval 1.2.2 makes of them (pip install seqeval==1.2.2 numpy).
import json, numpy as np
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
rng = np.random.default_rng(12)
names = lambda tags: ["O" if t == 0 else f"I-t{t}" for t in tags]
truth, said, f1 = [], [], []
for _ in range(1000):
    n = int(rng.integers(1, 13))
    types = int(rng.integers(1, 4))
    # Runs, so that spans of several words are common; the prediction keeps much of the truth.
    t = []
    while len(t) < n:
        t += [int(rng.integers(0, types + 1))] * int(rng.integers(1, 4))
    t = t[:n]
    p = [int(rng.integers(0, types + 1)) if rng.random() < 0.25 else x for x in t]
    truth.append("".join(map(str, t))); said.append("".join(map(str, p)))
    f1.append(round(float(f1_score([names(t)], [names(p)], zero_division=0)), 6))
A = [names(map(int, s)) for s in truth]; B = [names(map(int, s)) for s in said]
groups = [round(float(f1_score(A[i:i+20], B[i:i+20])), 9) for i in range(0, 1000, 20)]
letters = {".": "O", "A": "B-a", "a": "I-a", "B": "B-b", "b": "I-b"}
bio = []
for _ in range(300):
    s = "".join(rng.choice(list(".AaBb"), size=int(rng.integers(1, 11)), p=[.3,.15,.25,.1,.2]))
    bio.append([s, " ".join(f"{t}{a}-{b+1}" for t, a, b in get_entities([letters[c] for c in s]))])
json.dump({"madeBy": "seqeval 1.2.2 by seqeval-fixture.py", "truth": " ".join(truth), "predicted": " ".join(said), "f1": f1,
  "groupsOf20": groups,
  "pooled": {"precision": precision_score(A, B), "recall": recall_score(A, B), "f1": f1_score(A, B)}, "bio": bio},
  open("seqeval-1.2.2.json", "w"), separators=(",", ":"))
