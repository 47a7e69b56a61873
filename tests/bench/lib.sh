# Shared by the benchmarks: packages, medians, and what a command costs.

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

need() { # need PACKAGE…: installs what is missing
    local missing=()
    for package in "$@"; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return 0
    # A peer is measured, not put into service: its daemon must not start by being installed.
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq install -y --no-install-recommends \
        "${missing[@]}" >/dev/null || { rm -f /usr/sbin/policy-rc.d; return 1; }
    rm -f /usr/sbin/policy-rc.d
}

build() { # build PACKAGE…: release binaries, one at a time as they are shipped: neither with the other's features
    local package
    for package in "$@"; do
        (cd "$repository" && cargo build --release --locked --quiet -p "$package")
    done
}

build_bench() { # build_bench: the benchmarks' own tool
    (cd "$repository" && cargo build --profile measure --locked --quiet -p plumbline-tests)
}

cost() { # cost COMMAND…: prints "CPU-seconds peak-RSS-KiB wall-seconds"; what the command prints is thrown away
    local report
    report=$(mktemp)
    /usr/bin/time -f '%U %S %M %e' -o "$report" "$@" >/dev/null 2>&1 </dev/null || true
    # A command that fails puts a line of its own before the figures.
    tail -n 1 "$report" | awk '{ printf "%.3f %d %.2f\n", $1 + $2, $3, $4 }'
    rm -f "$report"
}

median() { # median: of the numbers on standard input
    sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}
