#!/usr/bin/env bash
# Builds both images for linux/amd64 and linux/arm64 and pushes them as VERSION and latest.
#   push-to-dockerhub.sh USER [VERSION] [--no-cache] [--dry-run]
# VERSION is that of pyproject.toml, which is also the default. --dry-run prints every command and runs none.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

BUILDER=whisperengine-multiplatform
PLATFORMS=linux/amd64,linux/arm64

usage() {
  sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
}

fail() {
  echo "push-to-dockerhub.sh: $*" >&2
  exit 1
}

words=() options=() dry_run=
for word in "$@"; do
  case $word in
    --no-cache) options+=(--no-cache) ;;
    --dry-run) dry_run=yes ;;
    -h | --help) usage; exit 0 ;;
    -*) usage; fail "there is no option $word." ;;
    *) words+=("$word") ;;
  esac
done
[ ${#words[@]} -ge 1 ] || { usage; fail "name the Docker Hub user or organisation."; }
[ ${#words[@]} -le 2 ] || { usage; fail "too many arguments: ${words[*]}."; }

released=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
user=${words[0]} version=${words[1]:-$released}
[[ $user =~ ^[a-z0-9][a-z0-9_-]*$ ]] || fail "$user is no user of Docker Hub: those are lower-case letters and digits."
[ "$version" = "$released" ] || fail "VERSION is $version, but pyproject.toml says $released. Change one of them."
[ -z "$(git status --porcelain)" ] || fail "the work tree has changes that are in no commit. Commit or stash them."
revision=$(git rev-parse HEAD)

run() {
  if [ -n "$dry_run" ]; then
    printf '%q ' "$@" | sed 's/ $/\n/'
  else
    "$@"
  fi
}

# True when dry: then the commands that would follow from "no" are not needed to be seen.
succeeds() {
  if [ -n "$dry_run" ]; then
    run "$@"
  else
    "$@" > /dev/null 2>&1
  fi
}

build() {
  local image=$user/$1 file=$2 context=$3
  run docker buildx build --builder "$BUILDER" --platform "$PLATFORMS" --pull ${options[@]+"${options[@]}"} \
    --build-arg "VERSION=$version" --build-arg "REVISION=$revision" --sbom=true --provenance=mode=max \
    --tag "$image:$version" --tag "$image:latest" --file "$file" --push "$context"
}

verify() {
  local image=$user/$1 tag platform manifest
  for tag in "$version" latest; do
    if [ -n "$dry_run" ]; then
      run docker buildx imagetools inspect "$image:$tag"
      continue
    fi
    manifest=$(docker buildx imagetools inspect "$image:$tag") || fail "$image:$tag was pushed but cannot be read back."
    for platform in ${PLATFORMS//,/ }; do
      grep -q "Platform: *$platform\$" <<< "$manifest" || fail "$image:$tag has no image for $platform. Push it again."
    done
    [ "$(grep -c 'attestation-manifest' <<< "$manifest")" -ge 2 ] || fail "$image:$tag carries no SBOM and provenance."
  done
}

succeeds docker info || fail "Docker does not answer. Start it."
succeeds docker buildx inspect "$BUILDER" || run docker buildx create --name "$BUILDER" --driver docker-container --bootstrap
# Asked for by the push itself where nobody is logged in; asking now saves the build.
[ -n "$dry_run" ] || grep -q '"auths"\|credsStore\|credHelpers' "${DOCKER_CONFIG:-$HOME/.docker}/config.json" 2> /dev/null || docker login
build whisperengine Dockerfile .
build whisperengine-ui cdl-web-ui/Dockerfile cdl-web-ui
verify whisperengine
verify whisperengine-ui
echo "${dry_run:+Would have }pushed $user/whisperengine and $user/whisperengine-ui as $version and latest."
