#!/bin/sh
# Installs the official ONNX checker (Python) where the tests look for it.
set -eu
cd "$(dirname "$0")/.."
venv=node_modules/.cache/onnx-venv
if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c "import onnx" 2>/dev/null; then
  exit 0
fi
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check "onnx==1.23.2"
