#!/usr/bin/env bash
# Builds both images for real and runs them, without Docker and without a registry of images: buildah on base images made
# with debootstrap from this machine's own Debian mirror. Root, buildah and debootstrap are needed; it takes some minutes.
#   scripts/check_images.sh [FOLDER]      works in FOLDER (default /tmp/whisperengine-images), which may be kept for next time
#   EMOTION=full scripts/check_images.sh  with RoBERTa, built from the small random checkpoint of the tests
#   REUSE=1 scripts/check_images.sh       runs the images that an earlier time has built
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 022

work=${1:-/tmp/whisperengine-images}
emotion=${EMOTION:-head}
mkdir -p "$work/storage" "$work/run" "$work/mnt"
store=(--root "$work/storage" --runroot "$work/run" --storage-driver vfs)

say() { printf '%s\n' "$*" >&2; }
seconds() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(seconds)" 'BEGIN { printf "%.1f", b - a }'; }
b() { local command=$1; shift; buildah "${store[@]}" "$command" "$@"; }

for program in buildah debootstrap; do
  command -v "$program" > /dev/null || { say "$program is missing. Run: apt-get install $program"; exit 1; }
done

# --- Base images -----------------------------------------------------------------------------------------------------
. /etc/os-release
mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' | awk -v c="$VERSION_CODENAME" '$1 == c { print $2; exit }')

# The machine's own trust, mirrors and package configuration: what works outside works inside.
outfit() {
  local root=$1
  mkdir -p "$root/etc/apt" "$root/etc/ssl/certs" "$root/usr/share/keyrings"
  cp -a /etc/apt/. "$root/etc/apt/"
  cp -a /usr/share/keyrings/. "$root/usr/share/keyrings/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  cp -L /etc/resolv.conf "$root/etc/resolv.conf"
  [ ! -f /etc/pip.conf ] || cp -L /etc/pip.conf "$root/etc/pip.conf"
  [ ! -f /etc/pip.conf ] || chmod 644 "$root/etc/pip.conf"
}

# Node as this machine has it: Debian's own is older than what the page is built with.
own_node() {
  install -D "$(readlink -f "$(command -v node)")" "$1/usr/local/bin/node"
  mkdir -p "$1/usr/local/lib/node_modules"
  cp -a "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$1/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"
}

make_base() {
  local name=$1 root=$work/base-$1; shift
  ! b inspect --type image "localhost/check-$name" > /dev/null 2>&1 || return 0
  say "making the base image $name"
  rm -rf "$root" && cp -a "$work/base" "$root"
  DEBIAN_FRONTEND=noninteractive chroot "$root" sh -ec "apt-get update -q && apt-get install -yq --no-install-recommends $*
    apt-get clean; rm -rf /var/lib/apt/lists/*" > "$work/base-$name.log" 2>&1 || { tail "$work/base-$name.log" >&2; exit 1; }
  [ "$name" != node ] || own_node "$root"
  local container variable
  container=$(b from scratch)
  b add --quiet "$container" "$root" / > /dev/null
  for variable in PIP_CERT SSL_CERT_FILE NODE_EXTRA_CA_CERTS; do
    [ -z "${!variable:-}" ] || b config --env "$variable=/etc/ssl/certs/ca-certificates.crt" "$container"
  done
  b config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  b commit --quiet --rm "$container" "localhost/check-$name" > /dev/null
  rm -rf "$root"
}

if [ ! -d "$work/base/etc/apt" ]; then
  say "debootstrap from this machine's mirror"
  rm -rf "$work/base"
  debootstrap --variant=minbase --include=ca-certificates "$VERSION_CODENAME" "$work/base" "$mirror" > "$work/debootstrap.log"
fi
outfit "$work/base"
make_base python python3 python3-venv
make_base node libstdc++6 libatomic1
make_base nginx nginx-light

# --- Build -----------------------------------------------------------------------------------------------------------
# Package folders of this machine that pip is told of are put where it looks for them.
volumes=()
for folder in $(python3 -m pip config list | grep -o '\(file://\)\?/[^ '"'"']*' | sed 's|^file://||' | sort -u); do
  [ ! -d "$folder" ] || volumes+=(--volume "$folder:$folder:ro")
done
pip_environment=()
while IFS= read -r line; do pip_environment+=(--env "$line"); done < <(env | grep '^PIP_\(FIND_LINKS\|EXTRA_INDEX_URL\|INDEX_URL\|DEFAULT_TIMEOUT\)=' || true)

build() {
  local tag=$1 file=$2 context=$3 began; shift 3
  if [ -n "${REUSE:-}" ] && b inspect --type image "localhost/$tag" > /dev/null 2>&1; then echo 0; return; fi
  began=$(seconds)
  say "building $tag"
  b bud --isolation chroot --format docker "${volumes[@]}" "${pip_environment[@]}" --tag "localhost/$tag" --file "$file" "$@" \
    "$context" > "$work/$tag.log" 2>&1 || { tail -30 "$work/$tag.log" >&2; exit 1; }
  since "$began"
}

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
bases=(--build-arg PYTHON_IMAGE=localhost/check-python --build-arg NODE_IMAGE=localhost/check-node --build-arg NGINX_IMAGE=localhost/check-nginx)
# RoBERTa's files without RoBERTa: the tests' random weights and a vocabulary of single bytes.
mkdir -p "$work/checkpoint"
cp tests/fixtures/roberta/config.json tests/fixtures/roberta/model.safetensors "$work/checkpoint/"
python3 - "$work/checkpoint" <<'PYTHON'
import json, pathlib, sys
plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
letters = [chr(byte) for byte in plain] + [chr(256 + number) for number in range(256 - len(plain))]
words = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *letters]
folder = pathlib.Path(sys.argv[1])
(folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
(folder / "merges.txt").write_text("#version: 0.2\n")
PYTHON
# Debian's Python is not the image's, so neither can all of its locked wheels be.
bases+=(--build-arg LOCKED=)
checkpoint=(--volume "$work/checkpoint:/checkpoint:ro" --build-arg EMOTION_CHECKPOINT=/checkpoint --build-arg TORCH=)
main_seconds=$(build whisperengine Dockerfile . "${bases[@]}" "${checkpoint[@]}" --build-arg "EMOTION=$emotion" --build-arg "VERSION=$version")
page_seconds=$(build whisperengine-ui cdl-web-ui/Dockerfile cdl-web-ui "${bases[@]}" --build-arg "VERSION=$version")

# --- Run -------------------------------------------------------------------------------------------------------------
main=$(b from localhost/whisperengine) page=$(b from localhost/whisperengine-ui)
main_root=$(b mount "$main") page_root=$(b mount "$page")
python_root=$(b mount "$(b from localhost/check-python)") nginx_root=$(b mount "$(b from localhost/check-nginx)")
data=$work/data
rm -rf "$data" && install -d -o 1001 -g 1001 -m 700 "$data"
started=()

finish() {
  local process
  for process in "${started[@]}"; do kill -9 $(pgrep -P "$process") 2> /dev/null || true; done
  b rm --all > /dev/null
}
trap finish EXIT

# A container in the small: the image's root read-only, /tmp and /data writable, uid 1001, no capabilities, its environment.
inside() {
  local root=$1 image=$2; shift 2
  local -a settings
  mapfile -t settings < <(b inspect --type image --format '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' "localhost/$image" | sed '/^$/d')
  exec unshare --mount --pid --fork --kill-child bash -ec '
    root=$1 data=$2; shift 2
    mount --bind "$root" "$root"
    mount -o remount,bind,ro "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    [ ! -d "$root/data" ] || mount --bind "$data" "$root/data"
    exec chroot "$root" setpriv --reuid 1001 --regid 1001 --clear-groups --no-new-privs --bounding-set=-all env -i "$@"
  ' bash "$root" "$data" "${settings[@]}" "${extra[@]}" "$@"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
entry() { b inspect --type image --format "{{range .OCIv1.Config.$2}}{{println .}}{{end}}" "localhost/$1" | sed '/^$/d'; }
await() { # URL: until it answers with success
  local deadline=$((SECONDS + 120))
  until curl -fsS -o /dev/null "$1" 2> /dev/null; do
    [ $SECONDS -lt $deadline ] || { say "$1 does not answer"; for file in "$work"/*.out; do tail -n 10 "$file"; done >&2; exit 1; }
    sleep 0.05
  done
}

[ "$(b inspect --type image --format '{{.OCIv1.Config.User}}' localhost/whisperengine)" = 1001:1001 ]
[ "$(b inspect --type image --format '{{.OCIv1.Config.User}}' localhost/whisperengine-ui)" = 1001:1001 ]
[ "$(b inspect --type image --format '{{.OCIv1.Config.WorkingDir}}' localhost/whisperengine)" = /app ]

port=$(free_port) page_port=$(free_port)
extra=("HEALTH_CHECK_PORT=$port" WHISPERENGINE_AUTH=off LLM_CLIENT_TYPE=disabled)
mapfile -t before < <(entry whisperengine Entrypoint)
mapfile -t serve < <(entry whisperengine Cmd)

say "migrations, as the init container runs them"
began=$(seconds)
(inside "$main_root" whisperengine "${before[@]}" python /app/scripts/run_migrations.py) > "$work/migrate.out" 2>&1
migrate_seconds=$(since "$began")
(inside "$main_root" whisperengine "${before[@]}" whisperengine migrate status --exit-code) > "$work/status.out" 2>&1

say "the service"
began=$(seconds)
(inside "$main_root" whisperengine "${before[@]}" "${serve[@]}") > "$work/serve.out" 2>&1 &
service=$! started+=("$service")
await "http://127.0.0.1:$port/ready"
ready_seconds=$(since "$began")
# The health check, as Docker would run it: beside the service, with its environment.
mapfile -t health < <(b inspect --type image --format '{{range .Docker.Config.Healthcheck.Test}}{{println .}}{{end}}' localhost/whisperengine | sed '/^$/d')
[ "${health[0]} ${health[1]}" = "CMD python" ]
HEALTH_CHECK_PORT=$port python3 "${health[@]:2}"
answer=$(curl -fsS -H 'Content-Type: application/json' -d '{"user_id": "sam", "message": "Hello, I am Sam."}' "http://127.0.0.1:$port/api/chat")
grep -q '"success": *true' <<< "$answer"

say "the page"
(extra=("PORT=$page_port" "WHISPERENGINE_API_URL=http://127.0.0.1:$port"); mapfile -t entry < <(entry whisperengine-ui Entrypoint)
  inside "$page_root" whisperengine-ui "${entry[@]}") > "$work/page.out" 2>&1 &
page_process=$! started+=("$page_process")
await "http://127.0.0.1:$page_port/healthz"
curl -fsS "http://127.0.0.1:$page_port/" | grep -qi '<html'
curl -fsS "http://127.0.0.1:$port/" | grep -qi '<html'
curl -fsS "http://127.0.0.1:$page_port/ready" > /dev/null
curl -fsS -H 'Content-Type: application/json' -d '{"user_id": "sam", "message": "And now?"}' "http://127.0.0.1:$page_port/api/chat" | grep -q '"success": *true'

say "SIGTERM"
began=$(seconds)
# To the container's first process, as `docker stop` does.
kill -TERM "$(pgrep -n -P "$service")"
code=0
wait "$service" || code=$?
stop_seconds=$(since "$began")
[ "$code" = 0 ] || { say "the service ended with $code"; tail "$work/serve.out" >&2; exit 1; }

mb() { du -sm --apparent-size "$1" | cut -f1; }
main_mb=$(mb "$main_root") base_mb=$(mb "$python_root") page_mb=$(mb "$page_root") nginx_mb=$(mb "$nginx_root")
cat <<END
whisperengine     ($emotion): $main_mb MB, $((main_mb - base_mb)) MB of them over the base of $base_mb MB; built in $main_seconds s
  program $(mb "$main_root/opt/venv") MB, models $(mb "$main_root/app/models") MB
  migrations $migrate_seconds s (new database), start to ready $ready_seconds s, SIGTERM to end $stop_seconds s
whisperengine-ui: $page_mb MB, $((page_mb - nginx_mb)) MB of them over the base of $nginx_mb MB; built in $page_seconds s
Both ran as uid 1001 without capabilities on a read-only root.
END
