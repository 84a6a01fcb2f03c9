#!/usr/bin/env bash
# Runs the tests, after fetching what they need.
#
#   ./test.sh           what continuous integration runs
#   ./test.sh all       with the full matrices (every template, every way to publish), the long faults and the storage servers
#   ./test.sh NAME      only the test project tests/NAME
#
# The last line is "N passed, N failed, N skipped"; before it are the ten slowest tests, and every skipped one with its reason.
set -uo pipefail
cd "$(dirname "$0")"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_UI_LANGUAGE=en
# One compiler for all builds of this run, of the tests too: a compiler that starts anew takes three times as long.
export UseSharedCompilation=true SharedCompilationId="litestream-tests-$$"
# Without the option a filter sees theories, not their rows.
filter=(-preEnumerateTheories -trait- Category=Long)
projects=(Litestream.Tests Litestream.Hosting.Tests Litestream.Build.Tests)
case "${1:-}" in
  '') ;;
  all) filter=() projects+=(Litestream.Storage.Tests) ;;
  *) projects=("$1"); filter=() ;;
esac

results=artifacts/test/results
rm -rf "$results"
mkdir -p "$results"

end() { kill $(jobs -p) $(pgrep -f -- "-pipename:$SharedCompilationId\$") 2>/dev/null; }
trap end EXIT

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
  # Without the analyzers, which have run in the build.
  for part in whitespace style; do
    dotnet format "$part" Litestream.Build.sln --verify-no-changes --no-restore || exit 1
  done
fi

# Side by side: most tests wait for the executable, those of Litestream.Build.Tests keep the processors busy.
# With job control, and with SIGINT as it is by default: a shell in the background ignores it, and so would the apps that the tests start.
set -m
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

# Of each result in the .trx files its project, its name, its seconds, its outcome and, if it was skipped, the reason.
tests() {
  awk -v RS='<UnitTestResult ' 'FNR > 1 {
    project = FILENAME; sub(/.*\//, "", project); sub(/\.trx$/, "", project)
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    if (index(name, project ".") == 1) name = substr(name, length(project) + 2)
    time = $0; sub(/.*duration="/, "", time); sub(/".*/, "", time); split(time, part, ":")
    outcome = $0; sub(/.*outcome="/, "", outcome); sub(/".*/, "", outcome)
    reason = $0; if (!sub(/.*<(Message|StdOut)>/, "", reason)) reason = "no reason given"; sub(/<\/(Message|StdOut)>.*/, "", reason)
    if (outcome != "NotExecuted") reason = ""
    gsub(/[\t\n]+/, " ", reason)
    printf "%s\t%s\t%.1f\t%s\t%s\n", project, name, part[1] * 3600 + part[2] * 60 + part[3], outcome, reason }' "$results"/*.trx 2>/dev/null |
    sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
}

total=$(sum total) passed=$(sum passed) failed=$(sum failed)
skipped=$((total - passed - failed))
echo
if [ "$skipped" -gt 0 ]; then
  echo 'Skipped:'
  tests | awk -F '\t' '$4 == "NotExecuted" { print "  " $2 ": " $5 }'
fi
echo 'Slowest:'
tests | sort -t "$(printf '\t')" -k 3,3 -rn | head -n 10 | awk -F '\t' '{ printf "  %7.1f s  %s: %s\n", $3, $1, $2 }'
[ "$failed" -gt 0 ] && status=1
[ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
