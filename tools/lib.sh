# shellcheck shell=bash
# What ./run, ./test, ./dev and .ci/run share: packages, building, messages. To be sourced with `root` set.
# Not for people to call. Progress goes to stderr, so that stdout belongs to what was asked for.
: "${root:?to be sourced with root set}"
set -euo pipefail
export LC_ALL=C.UTF-8

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
  say() { printf '\033[2m::\033[0m %s\n' "$*" >&2; }
else
  say() { printf ':: %s\n' "$*" >&2; }
fi
die() { # what happened, then one line per thing to do about it
  printf 'error: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit 1
}

packages_of() { # the packages of the given groups, one per line
  local group
  for group in "$@"; do
    sed -n "s/^$group *| *\([^ |]*\) *|.*/\1/p" "$root/tools/packages.txt"
  done
}

missing_of() { # those of the given packages that are not installed
  local package installed
  installed=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package} ' "$@" 2>/dev/null || true)"
  for package in "$@"; do
    case "$installed" in *" ii $package "*) ;; *) printf '%s\n' "$package" ;; esac
  done
}

need_packages() { # install what is missing of the given groups; quick when nothing is
  command -v dpkg-query >/dev/null ||
    die "this is not a Debian system" "the packages that are needed are listed in tools/packages.txt"
  local wanted missing extra become=()
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(missing_of "${wanted[@]}")
  [ "${#missing[@]}" -eq 0 ] && return 0

  local ID='' VERSION_ID=''
  # shellcheck disable=SC1090
  . "${STELE_OS_RELEASE:-/etc/os-release}"
  [ "$ID/$VERSION_ID" = debian/12 ] ||
    die "packages are missing, and this knows how to install them on Debian 12 only (here: ${ID:-?} ${VERSION_ID:-})" \
      "${missing[*]}" "install them, or their like, and call this again"
  if [ "$(id -u)" -ne 0 ]; then
    become=(sudo)
    command -v sudo >/dev/null || die "these packages are missing, and you are neither root nor is there sudo" \
      "${missing[*]}" "as root: apt-get install --no-install-recommends ${missing[*]}"
    sudo -n true 2>/dev/null || [ -t 0 ] || die "sudo asks for a password and there is no terminal to ask on" \
      "first: sudo apt-get install --no-install-recommends ${missing[*]}"
  fi
  mapfile -t extra < <(packages_of speed)
  mapfile -t extra < <(missing_of "${extra[@]}")
  say "installing ${#missing[@]} packages from Debian: ${missing[*]}"
  local apt=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update -o APT::Update::Error-Mode=any >&2 ||
    say "some package lists could not be fetched; trying with those that are there"
  local install=("${apt[@]}" install -y --no-remove --no-install-recommends)
  if [ "${#extra[@]}" -gt 0 ] && "${install[@]}" "${missing[@]}" "${extra[@]}" >&2; then return 0; fi
  "${install[@]}" "${missing[@]}" >&2 || die "apt-get could not install what is missing (its reason stands above)" \
    "no network? the packages: ${missing[*]}" \
    "would something be removed? libboost1.81-dev takes the place of libboost-dev 1.74: remove that one first"
}

jobs_here() { # parallel jobs: the processors, but at least 1 GiB of memory each
  local cpus memory
  cpus=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  printf '%s\n' "$((cpus < memory ? cpus : memory))"
}

configure() { # configure PRESET; the answer of a configuration that went well is not shown
  local log
  mkdir -p "$root/build"
  log=$root/build/$1.configure.log
  (cd "$root" && cmake --preset "$1") >"$log" 2>&1 || {
    cat "$log" >&2
    die "preset '$1' could not be configured" "after an update of packages: rm -r build/$1"
  }
}

build() { # build PRESET [TARGET...]; compiles only what changed
  local preset=$1
  shift
  export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$root" CCACHE_SLOPPINESS=pch_defines,time_macros
  export NINJA_STATUS="[$preset %f/%t %es] "
  configure "$preset"
  ninja -C "$root/build/$preset" -j "$(jobs_here)" "$@" >&2 || die "preset '$preset' does not build (see above)"
}

run_tests() { # run_tests PRESET [FILTER]; leaves build/PRESET/tests.xml and results/ for tools/summary.py
  local preset=$1 filter=${2:-}
  unset GTEST_FILTER GTEST_TOTAL_SHARDS GTEST_SHARD_INDEX GTEST_OUTPUT # all of them run, whatever was exported
  [ -z "$filter" ] || export STELE_ONE_BY_ONE=1 # the filter is for the names of tests, not of suites
  local symbolizer=/usr/bin/llvm-symbolizer-19
  [ -x "$symbolizer" ] || symbolizer=
  export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1"
  export UBSAN_OPTIONS="print_stacktrace=1"
  export TSAN_OPTIONS="second_deadlock_stack=1:halt_on_error=1:suppressions='$root/tools/tsan.supp'"
  if [ -n "$symbolizer" ]; then
    ASAN_OPTIONS+=":external_symbolizer_path=$symbolizer"
    TSAN_OPTIONS+=":external_symbolizer_path=$symbolizer"
    export UBSAN_SYMBOLIZER_PATH="$symbolizer"
  fi
  rm -rf "$root/build/$preset/tests.xml" "$root/build/$preset/results"
  local tests=(ctest --test-dir "$root/build/$preset" -j "$(nproc)" --no-tests=error --output-on-failure
    --output-junit tests.xml ${filter:+-R "$filter"})
  if [ -t 2 ]; then
    "${tests[@]}" --progress >&2
  else # in a log only what did not pass is worth a line
    "${tests[@]}" 2>&1 | { grep -vE '^ +Start +[0-9]+: | Passed +[0-9.]+ sec$' || true; } >&2
  fi
}
