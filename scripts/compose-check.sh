#!/usr/bin/env bash
# Builds the image, runs the 13 services of docker/compose.yaml and checks what docs/DOCKER.md promises.
# Without a Docker engine it says so in one line and ends well.
set -uo pipefail
cd "$(dirname "$0")/../docker"

services=13
healthy_within_s=60
trade_within_s=120
known_within_s=180
stop_within_s=15

skip() { echo "compose-check: skipped, $1"; exit 0; }
docker info >/dev/null 2>&1 || skip "no Docker engine answers"
if docker compose version >/dev/null 2>&1; then compose=(docker compose)
elif command -v docker-compose >/dev/null; then compose=(docker-compose)
else skip "no Compose"; fi

# A project of its own: its volumes go when it ends, nobody else's.
export COMPOSE_PROJECT_NAME=gridmesh-check
scratch=$(mktemp -d)
failed=0
ok() { echo "ok    $1"; }
bad() { echo "FAIL  $1"; failed=1; }
run() { "${compose[@]}" "$@"; }
finish() {
  run down --volumes --remove-orphans --timeout "$stop_within_s" >/dev/null 2>&1
  rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM
give_up() {
  bad "$1"
  tail -n 40 "${2:-/dev/null}"
  exit 1
}

# --- build and start
run build >"$scratch/build.log" 2>&1 || give_up "the image builds" "$scratch/build.log"
ok "the image builds: $(($(docker image inspect -f '{{.Size}}' gridmesh:local) / 1000000)) MB"
since=$SECONDS
run up -d >"$scratch/up.log" 2>&1 || give_up "the services start" "$scratch/up.log"
mapfile -t containers < <(run ps -q)
((${#containers[@]} == services)) || bad "$services containers, not ${#containers[@]}"

healthy() { docker inspect -f '{{.State.Health.Status}}' "${containers[@]}" | grep -c '^healthy$'; }
until [ "$(healthy)" = "$services" ]; do
  if ((SECONDS - since > healthy_within_s)); then
    docker inspect -f '{{.Name}} {{.State.Health.Status}}' "${containers[@]}" | grep -v ' healthy$' >"$scratch/ill"
    give_up "$services healthy within $healthy_within_s s" "$scratch/ill"
  fi
  sleep 1
done
ok "$services healthy after $((SECONDS - since)) s"

# --- what they are
facts='{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}}'
docker inspect -f "$facts" "${containers[@]}" | sort -u >"$scratch/facts"
[ "$(cat "$scratch/facts")" = "node true [ALL] [no-new-privileges:true]" ] \
  && ok "user, read-only root, capabilities: $(cat "$scratch/facts")" \
  || bad "user, read-only root, capabilities: $(cat "$scratch/facts")"
inside='id -u; grep -h ^CapEff /proc/1/status | cut -f2; touch /app/x 2>/dev/null && echo writable; stat -c %a /data'
[ "$(run exec -T household_agent_1 sh -c "$inside" | xargs)" = "1000 0000000000000000 700" ] \
  && ok "inside: uid 1000, no capability, root not writable, /data 0700" || bad "inside: uid, capabilities, root, /data"

# --- what they do
page() { curl -fsS --max-time 5 "$1"; }
traded() { run logs --no-color >"$scratch/log" 2>&1; grep -q "Contract confirmed" "$scratch/log"; }
until traded; do
  if ((SECONDS - since > trade_within_s)); then
    bad "a trade within $trade_within_s s"
    break
  fi
  sleep 2
done
traded && ok "a trade: $(grep -c 'Contract confirmed' "$scratch/log") after $((SECONDS - since)) s"
known() { page http://localhost:8002/registry | grep -c '"name": "household-agent-[0-9]*"'; }
until [ "$(known)" = 10 ] || ((SECONDS - since > known_within_s)); do sleep 1; done
collected=$(run exec -T utility_agent gridmesh call local:utility-agent/collection/run --json)
grep -q '"asked":10,"answered":10,"missing":\[\]' <<<"$collected" \
  && ok "a collection with 10 of 10 answers after $((SECONDS - since)) s" || bad "a collection: $collected"

# --- the five commands
count() { [ "$1" -ge "$2" ] && ok "$3" || bad "$3: $1, not $2"; }
count "$(run ps | grep -c gridmesh-check)" "$services" "ps"
count "$(timeout 5 "${compose[@]}" logs -f household_agent_1 2>/dev/null | grep -c household_agent_1)" 2 \
  "logs -f household_agent_1"
count "$(page http://localhost:9000/registry | grep -c '"name": "\(household-agent-[0-9]*\|utility-agent\)"')" 11 \
  "curl localhost:9000/registry"
count "$(page http://localhost:8001/profile | grep -c '"stateOfChargePermille"')" 1 "curl localhost:8001/profile"
count "$(timeout 5 "${compose[@]}" logs -f 2>/dev/null | grep -c 'Contract confirmed')" 1 "logs -f | grep"
for port in 8002 8003 8005 8007 8009 8011 8013 8015 8017 8019; do
  page "http://localhost:$port/health" >/dev/null || bad "curl localhost:$port/health"
done

# --- the end
since=$SECONDS
run stop >"$scratch/stop.log" 2>&1
took=$((SECONDS - since))
codes=$(docker inspect -f '{{.State.ExitCode}}' "${containers[@]}" | sort -u | xargs)
[ "$codes" = 0 ] && ((took <= stop_within_s)) && ok "stopped in $took s, exit code 0" \
  || bad "stopped in $took s with exit codes $codes"
exit $failed
