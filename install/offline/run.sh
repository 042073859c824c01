#!/usr/bin/env bash
# Builds dgsam on a machine without network, against the torch of its python3, and tries it there: bash run.sh [OUT]
#
# OUT, ./out by default, gets a log of each part, bench.json, and results.md with all that one wants to read. What is needed:
# Linux x64 with glibc, a C++ compiler, a python3 with torch; nvcc where CUDA kernels shall be compiled. The bundle is unpacked
# beside this script, or into DGSAM_OFFLINE_FOLDER; a second run goes on with what the first one built.
#
# All ends within DGSAM_OFFLINE_SECONDS, by default 470. Each part has a limit of its own, which grows and shrinks with these, and
# the next one begins whatever became of it.
set -uo pipefail

NAME=dgsam-offline-linux-x64
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "${1:-out}" && out=$(cd "${1:-out}" && pwd) || exit 1
usual=470
deadline=${DGSAM_OFFLINE_SECONDS:-$usual}
results=$out/results.md

if [ -d "$here/native" ]; then
  folder=$here
else
  target=${DGSAM_OFFLINE_FOLDER:-$here}
  folder=$target/$NAME
  mkdir -p "$target"
  archive=$(ls "$here/$NAME".tar.* | head -n 1)
  # tar has no xz of its own, Python has.
  tar -xf "$archive" -C "$target" 2>/dev/null || python3 -m tarfile -e "$archive" "$target" || exit 1
fi
export PATH=$folder/tools/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/cuda/bin
export HOME=${HOME:-$folder}
DGSAM_PYTHON=${DGSAM_PYTHON:-$(command -v python3)} && export DGSAM_PYTHON
# Nothing can be had from there, and nobody should wait until that has been found out.
export PIP_NO_INDEX=1
export OMP_WAIT_POLICY=passive
cd "$folder" || exit 1

# What the machine is: the first line of what a command says.
fact() {
  local name=$1
  shift
  printf '* %s: %s\n' "$name" "$("$@" 2>/dev/null | head -n 1 | grep . || echo none)"
}
{
  printf '# dgsam on this machine\n\n'
  fact "GPU, driver, memory" nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  fact "nvcc" sh -c 'nvcc --version | grep release'
  fact "PyTorch" "$DGSAM_PYTHON" -c 'import torch; print(torch.__version__)'
  fact "C++ compiler" c++ --version
  fact "cores" nproc
  fact "Node" node --version
  printf '\n| part | outcome | seconds |\n| --- | --- | --- |\n'
} >"$results"

ok=0
parts=0
failed=""
# part NAME LIMIT COMMAND...: its output is OUT/NAME.log.
part() {
  local name=$1 limit=$(($2 * deadline / usual)) began=$SECONDS left=$((deadline - SECONDS)) status outcome
  shift 2
  ((limit < left)) || limit=$left
  parts=$((parts + 1))
  if ((limit < 5)); then
    outcome="not begun, no time was left"
  else
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1
    status=$?
    case $status in
      0) outcome=ok ;;
      124 | 137) outcome="ended after $limit seconds" ;;
      *) outcome="failed, status $status" ;;
    esac
  fi
  [ "$outcome" = ok ] && ok=$((ok + 1)) || failed="$failed, $name $outcome"
  printf '| %s | %s | %d |\n' "$name" "$outcome" $((SECONDS - began)) | tee -a "$results"
}
# section NAME: its log, or the end of a long one.
section() {
  [ -e "$out/$1.log" ] && printf '\n## %s\n\n```\n%s\n```\n' "$1" "$(tail -n "${2:-200}" "$out/$1.log")" >>"$results"
}

device=cpu
size=--tiny
if nvidia-smi >/dev/null 2>&1; then
  device=cuda
  size=
  # For this GPU alone, which is quicker than for all.
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader --id=0)
  export DGSAM_CUDA_ARCHS=${DGSAM_CUDA_ARCHS:-$capability}
fi
part build 200 node install/build.mjs
part doctor 20 node dist/cli/main.js doctor
part cuda-tests 60 node node_modules/vitest/vitest.mjs run test/cuda --passWithNoTests
part tests 60 node node_modules/vitest/vitest.mjs run test/optim/sharpness test/optim/descent/base-optimizers.test.ts test/ops
part parity 110 node dist/cli/main.js parity --device $device
part bench 300 node bench/gpu/run.mjs --device $device $size --markdown --seconds 3 --json "$out/bench.json"

section build 40
section doctor
section cuda-tests 60
section tests 60
section parity
[ -e "$out/bench.log" ] && printf '\n## bench\n\n' >>"$results" && cat "$out/bench.log" >>"$results"
printf '\n%s\n' "$ok of $parts parts ok$failed; $SECONDS seconds; results in $results" | tee -a "$results"
[ "$ok" = "$parts" ]
