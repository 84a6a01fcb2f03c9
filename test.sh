#!/usr/bin/env bash
# Runs the tests, after fetching what they need.
#
#   ./test.sh           what continuous integration runs
#   ./test.sh all       with the full matrices (every template, every way to publish), the long faults and the storage
#                       servers
#   ./test.sh NAME      only the test project tests/NAME
#
# All tests run with litestream 0.3.13, those of the dashboard with 0.5.17, where it can be had. With 0.5.17 run some of
# the hosted app, and with "all" every test that uses the executable (the trait Uses), of Litestream.Build.Tests only
# what runs the executable that a build brings. Tests of what only one release line has bear the trait Line. Where
# 0.5.17 cannot be had, its tests count as skipped.
#
# The last line is "N passed, N failed, N skipped"; before it are the table of features with how many tests of each
# passed with each release line, the figures of each line, the seeds of random trials, the ten slowest tests, every
# skipped one with its reason, and every failed one with what it said.
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

# With all that they have started: the compiler, MSBuild's servers and the apps of a run that is broken off.
end() {
  kill $(jobs -p) $(grep -lzsF "SharedCompilationId=$SharedCompilationId" /proc/[0-9]*/environ |
    tr -dc '0-9\n') 2>/dev/null
}
trap end EXIT

say() { printf '\n== %s (%s)\n' "$1" "$(date +%H:%M:%S)"; }

say 'the litestream executables'
dotnet run --project runtimes/Acquire -- --version 0.3.13 || exit 1
# It waits for sources that do not answer; the build need not.
dotnet run --no-build --project runtimes/Acquire -- --version 0.5.17 &
acquiring=$!
lines=(0.3 0.5)

# Installs the packages of a command, unless it is there.
need() {
  command -v "$1" >/dev/null && return
  say "$1"
  (apt-get update -q && apt-get install -y -q --no-install-recommends "${@:2}") >/dev/null 2>&1 ||
    echo 'cannot be installed'
}

# systemd's own tool checks the unit that LitestreamScaffold writes; where it cannot be had, that test is skipped.
need systemd-analyze systemd
need strace strace

# The browser of the dashboard's tests.
need chromium chromium fonts-dejavu-core

say 'build'
dotnet build Litestream.Build.sln -v q || exit 1
wait "$acquiring"
has05=yes
[ -x runtimes/0.5.17/linux-x64/litestream ] || { has05=no; echo '0.5.17 cannot be had: its tests are skipped.'; }

# Side by side: most tests wait for the executable, those of Litestream.Build.Tests keep the processors busy.
# With job control, and with SIGINT as it is by default: a shell in the background ignores it, and so would the apps
# that the tests start.
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
        [ "$all" = yes ] || for name in Chain Crash EndOfTheApp GateReader PastCommand ProcessFault ReleaseLineChange \
          ReplicaFault Replicator RestoreAtStart RuntimeDatabases; do
          filters+=(-class "$project.${name}Tests")
        done ;;
      Litestream.Build.Tests)
        [ "$all" = yes ] || return 0
        filters+=(-trait- Category=Long)
        for name in Executable Output PublishedApp PublishedCommand ReplicaVerb SetupVerb Verb VerbSafety; do
          filters+=(-class "$project.${name}Tests")
        done ;;
      Litestream.Storage.Tests | Litestream.Dashboard.Tests) ;;
      *) return 0 ;;
    esac
  fi
  command=(dotnet "tests/$project/bin/Debug/net10.0/$project.dll" "${filters[@]}")
  # Builds have no deadlines that matter; the tests beside them have.
  [ "$project" != Litestream.Build.Tests ] || command=(nice -n 10 "${command[@]}")
  if [ "$line" = 0.5 ] && [ "$has05" = no ]; then
    "${command[@]}" -list tests | grep "^$project\." >"$results/$project-$line.skipped"
    return 0
  fi
  {
    time LITESTREAM_TEST_VERSION=$version env --default-signal=INT "${command[@]}" -noLogo -noColor \
      -result-trx "$results/$project-$line.trx" || touch "$results/failed"
  } >"$results/$project-$line.log" 2>&1
}
TIMEFORMAT='It took %0R s, and %0U + %0S s of processor time.'

# Of every file. The rules of style are errors of the build.
format() {
  local made
  mapfile -t made < <(find . -type d \( -name bin -o -name obj -o -name artifacts \) -prune -print)
  dotnet format whitespace . --folder --verify-no-changes --exclude "${made[@]}" || touch "$results/failed"
}

# At most three run at a time, the longest first, and four where there is one line only: the last ones would run alone.
# What has a comma between it runs one after the other.
at_once=3
[ "$has05" = yes ] || at_once=4
queue=(
  Litestream.Build.Tests-0.3,Litestream.Build.Tests-0.5
  Litestream.Hosting.Tests-0.3 Litestream.Hosting.Tests-0.5 Litestream.Tests-0.3 Litestream.Tests-0.5
  Litestream.Storage.Tests-0.3,Litestream.Storage.Tests-0.5
  Litestream.Dashboard.Tests-0.3,Litestream.Dashboard.Tests-0.5
)
[ "${#projects[@]}" -eq 1 ] || queue=(format "${queue[@]}")
start() {
  case " format ${projects[*]} " in *" ${1%-*} "*) ;; *) return 0 ;; esac
  if [ "$1" = format ]; then format >"$results/format.log" 2>&1; else run "${1%-*}" "${1##*-}"; fi
}
for entry in "${queue[@]}"; do
  while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
  for one in ${entry//,/ }; do start "$one"; done &
done
wait

status=0
[ ! -f "$results/format.log" ] || { say 'format'; cat "$results/format.log"; }
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
sum() {
  local n total=0
  for n in $(cat "$results"/*"${2:-}".trx 2>/dev/null | grep -ao "<Counters [^>]*" | grep -o " $1=\"[0-9]*\"" |
    tr -dc '0-9\n'); do
    total=$((total + n))
  done
  echo "$total"
}

# Of each result in the .trx files its project, its name, its seconds, its outcome, if it was skipped the reason, and
# its release line.
tests() {
  awk -v RS='<UnitTestResult ' 'FNR > 1 {
    project = FILENAME; sub(/.*\//, "", project); sub(/\.trx$/, "", project)
    line = project; sub(/.*-/, "", line); sub(/-[^-]*$/, "", project)
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    if (index(name, project ".") == 1) name = substr(name, length(project) + 2)
    if (line != "0.3") name = name " (" line ")"
    time = $0; sub(/.*duration="/, "", time); sub(/".*/, "", time); split(time, part, ":")
    outcome = $0; sub(/.*outcome="/, "", outcome); sub(/".*/, "", outcome)
    reason = $0; if (!sub(/.*<(Message|StdOut)>/, "", reason)) reason = "no reason given"
    sub(/<\/(Message|StdOut)>.*/, "", reason)
    if (outcome != "NotExecuted") reason = ""
    gsub(/[\t\n]+/, " ", reason)
    seconds = part[1] * 3600 + part[2] * 60 + part[3]
    printf "%s\t%s\t%.1f\t%s\t%s\t%s\n", project, name, seconds, outcome, reason, line
  }' "$results"/*.trx 2>/dev/null |
    sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g'
}

# Of each failed test its name and the first lines of what it said.
failures() {
  awk -v RS='<UnitTestResult ' 'FNR > 1 && /outcome="Failed"/ {
    line = FILENAME; sub(/.*-/, "", line); sub(/\.trx$/, "", line)
    name = $0; sub(/.*testName="/, "", name); sub(/".*/, "", name)
    text = $0; sub(/.*<Message>/, "", text); sub(/<\/StackTrace>.*/, "", text)
    gsub(/<\/Message>[^<]*<StackTrace>/, "\n", text)
    count = split(text, said, "\n")
    print "  " name " (" line ")"
    for (i = 1; i <= count && i <= 60; i++) print "    " substr(said[i], 1, 400) }' "$results"/*.trx 2>/dev/null |
    sed 's/&quot;/"/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g; s/&#x[DA];//g'
}

# The table of features in docs/release-lines.md, with the number of passed tests of each feature and line. It fails if
# tests passed where the table says "not there", and with "all" if none passed where it says something else. Without
# "all" not all of them run.
features() {
  tests | awk -F '\t' -v all="$all" -v has05="$has05" '
    NR == FNR {
      name = $2; sub(/[( ].*/, "", name); sub(/.*\./, "", name)
      if ($4 == "Passed") count[name, $6]++
      next
    }
    /^\| Feature / { table = 1 }
    !/^\|/ { table = 0 }
    table && !/^\|( Feature |-)/ {
      split($0, cell, / *\| */)
      for (i = 3; i <= 4; i++) {
        line = i == 3 ? "0.3" : "0.5"; passed = 0
        for (names = cell[6]; match(names, /`[A-Za-z0-9_]+`/); names = substr(names, RSTART + RLENGTH))
          passed += count[substr(names, RSTART + 1, RLENGTH - 2), line]
        there = cell[i] != "not there"
        text[i] = !there ? "not there" : passed ? cell[i] " (" passed ")" : "-"
        bad = there ? !passed && all == "yes" && (i == 3 || has05 == "yes") : passed
        if (bad) wrong = wrong "  WRONG for " line ": " cell[2] ": \"" cell[i] "\", but " passed " tests passed\n"
        if (there && !passed) open++
      }
      rows++
      printf "  %-12s %-12s %s\n", text[3], text[4], cell[2]
    }
    END {
      printf "%s  %d features. \"-\" (%d times): no test of it passed in this run.\n", wrong, rows, open
      exit wrong != "" || !rows
    }
  ' - docs/release-lines.md
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
  good=$(sum passed "-$line") bad=$(sum failed "-$line")
  listed=$(cat "$results"/*-"$line".skipped 2>/dev/null | grep -c .)
  echo "  $line: $good passed, $bad failed, $(($(sum total "-$line") - good - bad + listed)) skipped"
done
case "${1:-}" in
  '' | all)
    echo 'Features with 0.3.13 and 0.5.17 (docs/release-lines.md), and how many of their tests passed:'
    features || status=1 ;;
esac
[ "$failed" -gt 0 ] && status=1
[ "$passed" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
