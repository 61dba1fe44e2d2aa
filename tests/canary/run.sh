#!/bin/bash
# The compiler canaries: ordinary code with our API, compiled together with the library by every compiler at every level.
# `run.sh` builds what is out of date (build/canary/) and runs it; `run.sh MODE…` some modes; `run.sh --list` names them.
# The last line is `N passed, N failed`: one for each program in each mode.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
out=build/canary

sanitizers='-O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all'
declare -A compilers=(
  [gcc-O0]='g++ -O0' [gcc-O1]='g++ -O1' [gcc-O2]='g++ -O2' [gcc-O3]='g++ -O3'
  # (g++ 12 warns of uninitialised variables in instrumented code that has none)
  [gcc-asan]="g++ $sanitizers -Wno-maybe-uninitialized"
  [clang-O0]='clang++-19 -O0' [clang-O1]='clang++-19 -O1' [clang-O2]='clang++-19 -O2' [clang-O3]='clang++-19 -O3'
  [clang-asan]="clang++-19 $sanitizers"
  # Link-time optimisation sees through the borders of translation units: those between the base and the frames above all.
  [gcc-lto]='g++ -O2 -flto=auto' [clang-lto]='clang++-19 -O2 -flto -fuse-ld=lld -Wno-unused-command-line-argument')
all=(gcc-O0 gcc-O1 gcc-O2 gcc-O3 gcc-lto gcc-asan clang-O0 clang-O1 clang-O2 clang-O3 clang-lto clang-asan)
[[ $1 == --list ]] && { printf '%s\n' "${all[@]}"; exit; }
modes=("$@")
[[ $# -gt 0 ]] || modes=("${all[@]}")

programs=(depth flow foreign guard lifetime)  # each of NAME.cc and NAME_*.cc
flags='-std=c++20 -Wall -Wextra -Wpedantic -Wshadow -Werror -pthread -Iinclude -I.'
mkdir -p "$out"
{
  printf 'rule compile\n  command = $with -MMD -MF $out.d -c $in -o $out\n  depfile = $out.d\n  deps = gcc\n'
  printf 'rule link\n  command = $with $in -o $out -luring\n'
  for mode in "${modes[@]}"; do
    [[ -n ${compilers[$mode]} ]] || { echo "run.sh: no mode $mode; there are: ${all[*]}" >&2; exit 1; }
    objects=()
    for source in runtime/*.cc runtime/backend/*.cc coro/*.cc coro/detail/*.cc tests/canary/*.cc; do
      object=$out/$mode/${source//\//_}.o
      printf 'build %s: compile %s\n  with = %s %s\n' "$object" "$source" "${compilers[$mode]}" "$flags"
      [[ $source == tests/canary/* ]] || objects+=("$object")
    done
    for name in "${programs[@]}"; do
      rm -f "$out/$mode/$name"  # linked anew, so that what stands there afterwards is what was built now
      parts=()
      for source in tests/canary/"$name".cc tests/canary/"$name"_*.cc; do
        [[ ! -f $source ]] || parts+=("$out/$mode/${source//\//_}.o")
      done
      printf 'build %s: link %s %s\n  with = %s -pthread\n' "$out/$mode/$name" "${parts[*]}" "${objects[*]}" \
        "${compilers[$mode]}"
    done
  done
} >"$out/build.ninja"

ulimit -s 8192
unset EDDY_BACKEND
export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
ninja -f "$out/build.ninja" -k 0 --quiet || true
passed=0
failed=0
for mode in "${modes[@]}"; do
  for name in "${programs[@]}"; do
    log=$out/$mode/$name.log
    from=$SECONDS
    rm -f "$log"
    if [[ -x $out/$mode/$name ]] && timeout 600 "$out/$mode/$name" >"$log" 2>&1; then
      passed=$((passed + 1))
      printf 'ok   %s %s (%d s): %s\n' "$mode" "$name" $((SECONDS - from)) "$(tail -n 1 "$log")"
    else
      failed=$((failed + 1))
      printf 'FAIL %s %s: %s\n' "$mode" "$name" "$([[ -f $log ]] && tail -n 30 "$log" || echo 'not built')"
    fi
  done
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[[ $failed -eq 0 ]]
