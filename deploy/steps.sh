#!/bin/sh
# What the images are made of, in one place: the Dockerfiles run it, and so do the tests.
#   sh deploy/steps.sh proxy TARGET    the proxy:                           TARGET/venv, TARGET/src
#   sh deploy/steps.sh serve TARGET    the proxy and the embedded Triton:   TARGET/venv, TARGET/src
#   sh deploy/steps.sh health TARGET   what the GPU image lacks:            TARGET/site, TARGET/src
# Nothing is compiled: every package comes as a wheel, checked against its hash.
set -eu
kind=$1
target=$2
root=$(cd "$(dirname "$0")/.." && pwd)
wheels="--no-cache-dir --disable-pip-version-check --no-input --quiet --require-hashes --only-binary=:all:"

mkdir -p "$target/src"
case $kind in
    proxy) parts="proxy launcher build_engines" ;;
    serve) parts="proxy launcher build_engines model_repository deploy" ;;
    health) parts="proxy build_engines model_repository deploy" ;;
    *) echo "steps.sh: no such image: $kind" >&2; exit 2 ;;
esac
(cd "$root" && tar --exclude=__pycache__ -cf - $parts) | tar -xf - -C "$target/src"

if [ "$kind" = health ]; then
    # The container constrains pip to its own versions; these packages lie apart and have theirs.
    # shellcheck disable=SC2086 # a list of options
    env -u PIP_CONSTRAINT python3 -m pip install $wheels --target "$target/site" -r "$root/requirements/health.txt"
    exit
fi
cp "$root/pyproject.toml" "$root/README.md" "$root/LICENSE" "$target/src/"
python3 -m venv "$target/venv"
# shellcheck disable=SC2086
"$target/venv/bin/python" -m pip install $wheels -r "$root/requirements/$kind.txt"
"$target/venv/bin/python" -m pip install --disable-pip-version-check --no-input --quiet --no-deps \
    --no-build-isolation --editable "$target/src"
