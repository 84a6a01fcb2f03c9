#!/usr/bin/env bash
# Runs the tests, after fetching what they need.
#
#   ./test.sh           what continuous integration runs
#   ./test.sh all       with the full matrices (every template, every way to publish), the long faults and the storage servers
#   ./test.sh NAME      only the test project tests/NAME
#
# The last line is "N passed, N failed, N skipped"; every skipped test is listed before it with its reason.
set -uo pipefail
cd "$(dirname "$0")"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_UI_LANGUAGE=en
filter=(-trait- Category=Long)
projects=(Litestream.Tests Litestream.Hosting.Tests Litestream.Build.Tests)
case "${1:-}" in
  '') ;;
  all) filter=() projects+=(Litestream.Storage.Tests) ;;
  *) projects=("$1"); filter=() ;;
esac

results=artifacts/test/results
rm -rf "$results"
mkdir -p "$results"

say() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

say 'the litestream executable'
dotnet run --project runtimes/Acquire -- --version 0.3.13 || exit 1

# systemd's own tool checks the unit that LitestreamScaffold writes; where it cannot be had, that test is skipped.
command -v systemd-analyze >/dev/null || { say 'systemd-analyze'; (apt-get update -q && apt-get install -y -q --no-install-recommends systemd) >/dev/null 2>&1 || echo 'cannot be installed'; }
command -v strace >/dev/null || { say 'strace'; (apt-get update -q && apt-get install -y -q --no-install-recommends strace) >/dev/null 2>&1 || echo 'cannot be installed'; }

say 'build'
dotnet build Litestream.Build.sln -v q || exit 1

if [ -z "${1:-}" ] || [ "${1:-}" = all ]; then
  say 'format'
  dotnet format Litestream.Build.sln --verify-no-changes --no-restore || exit 1
fi

# Side by side: most tests wait for the executable, those of Litestream.Build.Tests keep the processors busy.
# With job control, and with SIGINT as it is by default: a shell in the background ignores it, and so would the apps that the tests start.
set -m
trap 'kill $(jobs -p) 2>/dev/null' EXIT
declare -A running
for project in "${projects[@]}"; do
  env --default-signal=INT dotnet "tests/$project/bin/Debug/net10.0/$project.dll" "${filter[@]}" -noLogo -noColor -result-trx "$results/$project.trx" >"$results/$project.log" 2>&1 &
  running[$project]=$!
done

status=0
for project in "${projects[@]}"; do
  wait "${running[$project]}" || status=1
  say "$project"
  cat "$results/$project.log"
  [ -f "$results/$project.trx" ] || { echo "$project: no results"; status=1; }
done

sum() { local n total=0; for n in $(cat "$results"/*.trx 2>/dev/null | grep -ao "<Counters [^>]*" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n'); do total=$((total + n)); done; echo "$total"; }

total=$(sum total) passed=$(sum passed) failed=$(sum failed)
skipped=$((total - passed - failed))
echo
if [ "$skipped" -gt 0 ]; then
  echo 'Skipped:'
  awk -v RS='<UnitTestResult ' '/outcome="NotExecuted"/ {
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    reason = $0; if (!sub(/.*<(Message|StdOut)>/, "", reason)) reason = "no reason given"; sub(/<\/(Message|StdOut)>.*/, "", reason)
    print "  " name ": " reason }' "$results"/*.trx | sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
fi
[ "$failed" -gt 0 ] && status=1
[ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
