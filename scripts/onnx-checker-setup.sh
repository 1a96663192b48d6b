#!/bin/sh
# Installs the official ONNX checker and onnxruntime (Python) where the tests look for them.
set -eu
cd "$(dirname "$0")/.."
venv=node_modules/.cache/onnx-venv
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c "import onnx, onnxruntime" 2>/dev/null; then
  exit 0
fi
python3 -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "onnx==1.23.2" "onnxruntime==1.32.0"
