#!/usr/bin/env bash
# Installs Mesa's software Vulkan driver, on which the tests of WebGPU run where there is no GPU. Debian or Ubuntu, as root.
set -euo pipefail

# The first version that onnxruntime's WebGPU is known to run on. Debian 12 has 22, and 25 in its backports.
least=25
apt=/etc/apt

new_enough() { dpkg --compare-versions "${1:-0}" ge "$least"; }
installed() { dpkg-query --show --showformat '${Version}' mesa-vulkan-drivers 2>/dev/null || true; }
candidate() { apt-cache policy mesa-vulkan-drivers | sed -n 's/^ *Candidate: *//p'; }

# Adds the backports of a release to apt's sources: the release's own entry, in either format, with another suite.
add_backports() {
  local suite=$1 entry
  entry=$(find "$apt/sources.list.d" -name '*.sources' -exec awk -v RS= -v suite="$suite" '
    !found && $0 ~ "(^|\n)Suites:([^\n]* )?" suite "( |\n|$)" {
      sub(/Suites:[^\n]*/, "Suites: " suite "-backports"); print; found = 1 }' {} +)
  if [ -n "$entry" ]; then
    echo "$entry" >"$apt/sources.list.d/$suite-backports.sources"
    return
  fi
  entry=$(find "$apt" -maxdepth 2 -name '*.list' -exec awk -v suite="$suite" '
    !found && $1 == "deb" { for (i = 2; i <= NF; i++) if ($i == suite) { $i = suite "-backports"; print; found = 1 } }' {} +)
  if [ -n "$entry" ]; then echo "$entry" >"$apt/sources.list.d/$suite-backports.list"; fi
}

if new_enough "$(installed)"; then exit 0; fi
apt-get update -qq
release=()
if ! new_enough "$(candidate)"; then
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  if ! apt-get indextargets --format '$(RELEASE)' | grep -qx "$suite-backports"; then
    add_backports "$suite"
    apt-get update -qq
  fi
  release=(--target-release "$suite-backports")
fi
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${release[@]}" mesa-vulkan-drivers >/dev/null
if ! new_enough "$(installed)"; then
  echo "vulkan-driver-setup: apt has only mesa-vulkan-drivers $(installed), and WebGPU needs $least" >&2
  exit 1
fi
