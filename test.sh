#!/usr/bin/env bash
# Runs the tests, after fetching what they need.
#
#   ./test.sh           what continuous integration runs
#   ./test.sh all       with the full matrices (every template, every way to publish), the long faults and the storage servers
#   ./test.sh NAME      only the test project tests/NAME
#
# All tests run with litestream 0.3.13, those of the dashboard with 0.5.17, where it can be had. With 0.5.17 run some of the hosted app,
# and with "all" every test that uses the executable (the trait Uses), of Litestream.Build.Tests only what runs the executable that a
# build brings. Tests of what only one release line has bear the trait Line. Where 0.5.17 cannot be had, its
# tests count as skipped.
#
# The last line is "N passed, N failed, N skipped"; before it are the figures of each release line, the seeds of random trials, the
# ten slowest tests, every skipped one with its reason, and every failed one with what it said.
set -uo pipefail
cd "$(dirname "$0")"

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 MSBUILDDISABLENODEREUSE=1 DOTNET_CLI_UI_LANGUAGE=en
# Most processes end within seconds, long before a second compilation would pay.
export DOTNET_TieredPGO=0
# One compiler for all builds of this run, of the tests too: a compiler that starts anew takes three times as long.
export UseSharedCompilation=true SharedCompilationId="litestream-tests-$$"
# Without the option a filter sees theories, not their rows.
filter=(-preEnumerateTheories -trait- Category=Long)
projects=(Litestream.Tests Litestream.Hosting.Tests Litestream.Build.Tests)
case "${1:-}" in
  '') projects+=(Litestream.Dashboard.Tests) ;;
  all) filter=() projects+=(Litestream.Storage.Tests Litestream.Dashboard.Tests) ;;
  *) projects=("$1"); filter=() ;;
esac

results=artifacts/test/results
rm -rf "$results"
mkdir -p "$results"

end() { kill $(jobs -p) $(pgrep -f -- "-pipename:$SharedCompilationId\$") 2>/dev/null; }
trap end EXIT

say() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

say 'the litestream executables'
dotnet run --project runtimes/Acquire -- --version 0.3.13 || exit 1
dotnet run --project runtimes/Acquire -- --version 0.5.17
lines=(0.3 0.5)
has05=yes
[ -x runtimes/0.5.17/linux-x64/litestream ] || { has05=no; echo '0.5.17 cannot be had: its tests are skipped.'; }

# systemd's own tool checks the unit that LitestreamScaffold writes; where it cannot be had, that test is skipped.
command -v systemd-analyze >/dev/null || { say 'systemd-analyze'; (apt-get update -q && apt-get install -y -q --no-install-recommends systemd) >/dev/null 2>&1 || echo 'cannot be installed'; }
command -v strace >/dev/null || { say 'strace'; (apt-get update -q && apt-get install -y -q --no-install-recommends strace) >/dev/null 2>&1 || echo 'cannot be installed'; }

# The browser of the dashboard's tests.
command -v chromium >/dev/null || { say 'chromium'; (apt-get update -q && apt-get install -y -q --no-install-recommends chromium fonts-dejavu-core) >/dev/null 2>&1 || echo 'cannot be installed'; }

say 'build'
dotnet build Litestream.Build.sln -v q || exit 1

if [ -z "${1:-}" ] || [ "${1:-}" = all ]; then
  say 'format'
  # Of every file; without the analyzers, which have run in the build.
  mapfile -t made < <(find . -type d \( -name bin -o -name obj -o -name artifacts \) -prune -print)
  dotnet format whitespace . --folder --verify-no-changes --exclude "${made[@]}" || exit 1
  dotnet format style Litestream.Build.sln --verify-no-changes --no-restore || exit 1
fi

# Side by side: most tests wait for the executable, those of Litestream.Build.Tests keep the processors busy.
# With job control, and with SIGINT as it is by default: a shell in the background ignores it, and so would the apps that the tests start.
set -m
# With 0.5.17 what does not use the executable need not run again.
only05=(-trait- Line=0.3 -trait Uses=litestream)
all=no
if [ "${1:-}" = all ]; then all=yes; else only05+=(-trait- Category=Long); fi
# One project with one release line.
run() {
  local project=$1 line=$2 version=0.3.13 command filters=("${filter[@]}" -trait- Line=0.5)
  [ "$project$line$all$has05" != Litestream.Dashboard.Tests0.3noyes ] || return 0
  if [ "$line" = 0.5 ]; then
    version=0.5.17 filters=(-preEnumerateTheories "${only05[@]}")
    case $project in
      Litestream.Tests) [ "$all" = yes ] || return 0 ;;
      Litestream.Hosting.Tests)
        [ "$all" = yes ] || for name in Chain Crash EndOfTheApp GateReader PastCommand ProcessFault ReleaseLineChange ReplicaFault Replicator RestoreAtStart RuntimeDatabases; do
          filters+=(-class "$project.${name}Tests")
        done ;;
      Litestream.Build.Tests)
        [ "$all" = yes ] || return 0
        filters+=(-trait- Category=Long)
        for name in Executable Output PublishedApp PublishedCommand SetupVerb Verb; do filters+=(-class "$project.${name}Tests"); done ;;
      Litestream.Storage.Tests | Litestream.Dashboard.Tests) ;;
      *) return 0 ;;
    esac
  fi
  command=(dotnet "tests/$project/bin/Debug/net10.0/$project.dll" "${filters[@]}")
  # Builds have no deadlines that matter; the tests beside them have.
  [ "$project" != Litestream.Build.Tests ] || command=(nice -n 10 "${command[@]}")
  if [ "$line" = 0.5 ] && [ "$has05" = no ]; then
    "${command[@]}" -list tests >"$results/$project-$line.skipped"
    return 0
  fi
  LITESTREAM_TEST_VERSION=$version env --default-signal=INT "${command[@]}" \
    -noLogo -noColor -result-trx "$results/$project-$line.trx" >"$results/$project-$line.log" 2>&1 || touch "$results/failed"
}

# What is in one lane runs one after the other, and the lanes side by side. Without "all" they take about the same time.
lanes=(
  'Litestream.Tests-0.3 Litestream.Hosting.Tests-0.5 Litestream.Tests-0.5'
  'Litestream.Hosting.Tests-0.3 Litestream.Dashboard.Tests-0.3 Litestream.Dashboard.Tests-0.5'
  'Litestream.Build.Tests-0.3 Litestream.Build.Tests-0.5'
  'Litestream.Storage.Tests-0.3 Litestream.Storage.Tests-0.5'
)
for lane in "${lanes[@]}"; do
  for one in $lane; do
    case " ${projects[*]} " in *" ${one%-*} "*) run "${one%-*}" "${one##*-}" ;; esac
  done &
done
wait

status=0
for project in "${projects[@]}"; do
  for line in "${lines[@]}"; do
    [ -f "$results/$project-$line.log" ] || continue
    say "$project, release line $line"
    cat "$results/$project-$line.log"
    [ -f "$results/$project-$line.trx" ] || { echo "$project: no results"; status=1; }
  done
done
[ -f "$results/failed" ] && status=1

# Of the results of one release line, or of all.
sum() { local n total=0; for n in $(cat "$results"/*"${2:-}".trx 2>/dev/null | grep -ao "<Counters [^>]*" | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n'); do total=$((total + n)); done; echo "$total"; }

# Of each result in the .trx files its project, its name, its seconds, its outcome and, if it was skipped, the reason.
tests() {
  awk -v RS='<UnitTestResult ' 'FNR > 1 {
    project = FILENAME; sub(/.*\//, "", project); sub(/\.trx$/, "", project)
    line = project; sub(/.*-/, "", line); sub(/-[^-]*$/, "", project)
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    if (index(name, project ".") == 1) name = substr(name, length(project) + 2)
    if (line != "0.3") name = name " (" line ")"
    time = $0; sub(/.*duration="/, "", time); sub(/".*/, "", time); split(time, part, ":")
    outcome = $0; sub(/.*outcome="/, "", outcome); sub(/".*/, "", outcome)
    reason = $0; if (!sub(/.*<(Message|StdOut)>/, "", reason)) reason = "no reason given"; sub(/<\/(Message|StdOut)>.*/, "", reason)
    if (outcome != "NotExecuted") reason = ""
    gsub(/[\t\n]+/, " ", reason)
    printf "%s\t%s\t%.1f\t%s\t%s\n", project, name, part[1] * 3600 + part[2] * 60 + part[3], outcome, reason }' "$results"/*.trx 2>/dev/null |
    sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
}

# Of each failed test its name and the first lines of what it said.
failures() {
  awk -v RS='<UnitTestResult ' 'FNR > 1 && /outcome="Failed"/ {
    line = FILENAME; sub(/.*-/, "", line); sub(/\.trx$/, "", line)
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    text = $0; sub(/.*<Message>/, "", text); sub(/<\/StackTrace>.*/, "", text); gsub(/<\/Message>[^<]*<StackTrace>/, "\n", text)
    count = split(text, said, "\n")
    print "  " name " (" line ")"
    for (i = 1; i <= count && i <= 60; i++) print "    " substr(said[i], 1, 400) }' "$results"/*.trx 2>/dev/null |
    sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g; s/&#x[DA];//g'
}

total=$(sum total) passed=$(sum passed) failed=$(sum failed)
# By the name of each, as xunit lists them.
unavailable=$(cat "$results"/*.skipped 2>/dev/null | grep -c .)
skipped=$((total - passed - failed + unavailable))
echo
if [ "$skipped" -gt 0 ]; then
  echo 'Skipped:'
  tests | awk -F '\t' '$4 == "NotExecuted" { print "  " $2 ": " $5 }'
  cat "$results"/*.skipped 2>/dev/null | sed 's/^/  /; s/$/ (0.5): 0.5.17 cannot be had/'
fi
echo 'Slowest:'
tests | sort -t "$(printf '\t')" -k 3,3 -rn | head -n 10 | awk -F '\t' '{ printf "  %7.1f s  %s: %s\n", $3, $1, $2 }'
[ "$failed" -eq 0 ] || { echo 'Failed:'; failures; }
trials=$(grep -aho '[0-9]* trials from seed [^<&]*' "$results"/*.trx 2>/dev/null)
[ -z "$trials" ] || { echo 'Random trials (LITESTREAM_TEST_SEED):'; sed 's/^/  /' <<<"$trials"; }
echo 'By release line:'
for line in "${lines[@]}"; do
  echo "  $line: $(sum passed "-$line") passed, $(sum failed "-$line") failed, $(($(sum total "-$line") - $(sum passed "-$line") - $(sum failed "-$line") + $(cat "$results"/*-"$line".skipped 2>/dev/null | grep -c .))) skipped"
done
[ "$failed" -gt 0 ] && status=1
[ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
