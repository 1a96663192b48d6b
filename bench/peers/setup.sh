#!/usr/bin/env bash
# Makes .venv/ in the repository root (git ignores it) with the bench's peers: PyTorch, higher, learn2learn and JAX for Python,
# jax-js and TensorFlow.js for Node. Each that cannot be had is named at the end; the bench runs with those that are there.
#
#   bench/peers/setup.sh           light: the torch wheel alone, 0.5 GB to fetch and 1.3 GB on disk (needs gcc and readelf)
#   bench/peers/setup.sh --full    torch with everything it asks for: all the CUDA packages, 5.4 GB on disk
#
# PyPI has one torch wheel for x86-64 Linux, and it is linked against CUDA: without NVIDIA's libraries `import torch` fails,
# although nothing on the CPU calls them. The light way installs the small real CUDA runtime (torch's kernels register themselves
# with it when they load) and puts a stub in the place of every other library that is missing. The CPU kernels (MKL, oneDNN)
# are those of the wheel, untouched. It never goes on to the full install by itself.
# Set TORCH_VERSION to measure another version, PYTHON to use another interpreter.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv"
python="$venv/bin/python"
version=${TORCH_VERSION:-2.15.0}
pip=("$python" -m pip --disable-pip-version-check)

check() {
  "$python" - "$version" <<'PY'
import sys
import numpy
import torch
if torch.__version__.split("+")[0] != sys.argv[1]:
    sys.exit(f"torch {torch.__version__} is installed, not {sys.argv[1]}")
x = torch.rand(8, 3, 16, 16, requires_grad=True)
w = torch.rand(4, 3, 3, 3, requires_grad=True)
(g,) = torch.autograd.grad(torch.nn.functional.conv2d(x, w).square().sum(), w, create_graph=True)
g.square().sum().backward()
if not bool(torch.isfinite(w.grad).all()):
    sys.exit("torch computes no finite gradient")
torch.func.vmap(torch.func.grad(lambda a: (a @ a).sum()))(torch.rand(2, 3, 3))
print(f"python {sys.version.split()[0]}, torch {torch.__version__}, numpy {numpy.__version__}, "
      f"CPU {torch.backends.cpu.get_cpu_capability()}, MKL {torch.backends.mkl.is_available()}, "
      f"oneDNN {torch.backends.mkldnn.is_available()}, CUDA device {torch.cuda.is_available()}")
PY
}

# Stands in, in torch's own library folder (on its search path), for what is linked against but absent: every function
# torch names in that library is there under the symbol version it asks for, and does nothing but report an error.
stub_cuda() {
  local lib name wanted
  lib=$("$python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/torch/lib
  grep -lsr innerloop_stub "$lib" --include='lib*.so.*' | xargs -r rm -f
  wanted=$(cd "$lib" && ldd ./libtorch_python.so ./libtorch_global_deps.so | awk '/not found/ { print $1 }' | sort -u)
  (cd "$lib" && readelf -W --dyn-syms ./lib*.so 2> /dev/null) |
    awk '$7 == "UND" && $8 != "" { split($8, part, "@+"); print part[1], (part[2] == "" ? "-" : part[2]) }' | sort -u > "$venv/symbols"
  for name in $wanted; do
    case $name in
      libcu* | libnv* | libnccl*) ;;
      *) echo "torch needs $name, which is no CUDA library: install it" >&2; return 1 ;;
    esac
    # NVIDIA names the symbol version after the file, except for NVSHMEM; NCCL, cuSPARSELt and cuFile have none: there the
    # function's name begins with the library's.
    local node=$name prefix=${name#lib}
    prefix=${prefix%%.so*}
    [[ $name == libnvshmem* ]] && node=NVSHMEM
    printf '%s { global: *; };\n' "$node" > "$venv/stub.map"
    { echo 'int innerloop_stub(void) { return 999; }'
      awk -v node="$node" -v prefix="${prefix,,}" '$2 == node || ($2 == "-" && index(tolower($1), prefix) == 1) {
        print "int " $1 "(void) { return 999; }" }' "$venv/symbols"; } |
      gcc -shared -fPIC -w -x c - -o "$lib/$name" -Wl,-soname,"$name" -Wl,--version-script="$venv/stub.map"
  done
  rm -f "$venv/stub.map" "$venv/symbols"
}

light() {
  command -v gcc readelf ldd > /dev/null || return 1
  "${pip[@]}" install --quiet --no-deps "torch==$version" || return 1
  # The runtime's release is the one this wheel asks for; torch before 2.9 names it nvidia-cuda-runtime-cu12.
  local cuda
  cuda=$("$python" - <<'PY'
import importlib.metadata, re
for line in importlib.metadata.requires("torch") or []:
    if m := re.match(r"cuda-toolkit\S*==(\d+\.\d+)", line):
        print(f"nvidia-cuda-runtime=={m[1]}.*")
    elif m := re.match(r"(nvidia-cuda-runtime-cu\d+)==([\d.]+)", line):
        print(f"{m[1]}=={m[2]}")
PY
)
  # The rest of what torch asks for is Python: its own list, less CUDA, Triton and what only a compiler of kernels needs.
  "${pip[@]}" install --quiet --no-deps $cuda || return 1
  "${pip[@]}" install --quiet numpy filelock typing-extensions sympy networkx jinja2 fsspec 2> "$venv/pip.log" ||
    { cat "$venv/pip.log" >&2; return 1; }
  stub_cuda && check
}

torch() {
  if check 2> /dev/null; then return 0; fi
  if [ "${1:-}" = --full ] || [ "$(uname -sm)" != "Linux x86_64" ]; then
    # The wheels for macOS, Windows and Linux on ARM carry no CUDA.
    "${pip[@]}" install --quiet "torch==$version" numpy && check
  elif ! light; then
    echo "The light install of torch failed. '$0 --full' installs it with all its CUDA packages (5 GB on disk)." >&2
    return 1
  fi
}

higher() { "${pip[@]}" install --quiet --no-deps "higher==0.2.1"; }

# learn2learn's data loaders are C that does not build for Python after 3.10, and its package imports gym and torchvision. Its
# MAML needs neither: the release is unpacked, and the peer imports those modules of it.
learn2learn() {
  local release=learn2learn-0.2.0
  [ -d "$venv/learn2learn/learn2learn" ] && return 0
  rm -rf "$venv/learn2learn" "$venv/release"
  "${pip[@]}" download --quiet --no-deps --no-binary learn2learn --dest "$venv/release" "${release/-/==}" &&
    mkdir "$venv/learn2learn" &&
    tar -xzf "$venv/release/$release.tar.gz" -C "$venv/learn2learn" --strip-components=1 &&
    rm -rf "$venv/release"
}

jax() { "${pip[@]}" install --quiet "jax==0.10.2"; }

# In a folder of their own: the workspace's package.json and lock file do not know them.
javascript() {
  mkdir -p "$venv/js" &&
    echo '{ "private": true }' > "$venv/js/package.json" &&
    npm install --prefix "$venv/js" --silent --no-audit --no-fund --ignore-scripts \
      @jax-js/jax@0.1.25 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
}

[ -x "$python" ] || "${PYTHON:-python3}" -m venv "$venv"
status=0
for peer in "torch ${1:-}" higher learn2learn jax javascript; do
  # Unquoted: the name of a function and its argument.
  if ! $peer; then
    echo "$peer was not installed" >&2
    status=1
  fi
done
exit $status
