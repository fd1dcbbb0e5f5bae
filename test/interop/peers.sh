#!/bin/sh
# Builds the programs of others that judge us, pinned, into $PEERS_DIR/bin (default: .peers/bin of the checkout).
# What is there already is not built again. Wants Go; takes about ten minutes on two cores the first time.
# The newest versions that Go 1.26 builds. Nothing of this is a dependency of the product.
set -u

root=$(cd "$(dirname "$0")/../.." && pwd)
GOBIN=${PEERS_DIR:-$root/.peers}/bin
export GOBIN CGO_ENABLED=0
mkdir -p "$GOBIN"
failed=0

build() {
  if [ -x "$GOBIN/$1" ]; then
    echo "have $1"
  elif go install -trimpath "$2"; then
    echo "built $1"
  else
    echo "FAILED $1 ($2): the tests that need it are skipped" >&2
    failed=1
  fi
}

build cosign github.com/sigstore/cosign/v3/cmd/cosign@v3.1.3
build fulcio github.com/sigstore/fulcio@v1.8.8
build timestamp-server github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@v2.1.3
build posix github.com/sigstore/rekor-tiles/v2/cmd/rekor-server/posix@v2.3.0
build registry github.com/distribution/distribution/v3/cmd/registry@v3.1.2
build oras oras.land/oras/cmd/oras@v1.3.6
build syft github.com/anchore/syft/cmd/syft@v1.54.1
build actionlint github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
build validate github.com/coreos/ignition/v2/validate@v2.24.0

# A registry with the referrers API, which the one of distribution lacks.
if [ -x "$GOBIN/referrers-registry" ]; then
  echo 'have referrers-registry'
elif go build -C "$root/test/interop/support/referrers-registry" -trimpath -o "$GOBIN/referrers-registry" .; then
  echo 'built referrers-registry'
else
  echo 'FAILED referrers-registry: the tests that need it are skipped' >&2
  failed=1
fi

# Ignition itself, which writes what our document says; without labels, as Flatcar builds it. Its disks stage wants libblkid.
if [ -x "$GOBIN/ignition" ]; then
  echo 'have ignition'
elif [ ! -f /usr/include/blkid/blkid.h ]; then
  echo 'no ignition: libblkid-dev is not installed; the tests that need it are skipped' >&2
elif CGO_ENABLED=1 go install -trimpath -ldflags '-X github.com/coreos/ignition/v2/internal/distro.selinuxRelabel=false' \
  github.com/coreos/ignition/v2/internal@v2.24.0 && mv "$GOBIN/internal" "$GOBIN/ignition"; then
  echo 'built ignition'
else
  echo 'FAILED ignition: the tests that need it are skipped' >&2
  failed=1
fi

exit "$failed"
