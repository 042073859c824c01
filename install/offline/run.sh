#!/usr/bin/env bash
# Builds dgsam on a machine without network, against a Python's torch there, and tries it: bash run.sh [OUT]
#
# OUT, ./out by default, is the one folder to bring home: a log of each part, bench-*.json, and results.md with all that one wants
# to read, which is written as parts end. What is needed: Linux x64 with glibc 2.28, a C++ compiler, a Python with torch; nvcc
# where CUDA kernels shall be compiled. The bundle is unpacked beside this script, or into DGSAM_OFFLINE_FOLDER, or into a new
# folder where those cannot be written to; a second run goes on with what the first one built.
#
# DGSAM_OFFLINE_PARTS, such as "bench-compiled bench-memory", leaves out all but these.
#
# All ends within DGSAM_OFFLINE_SECONDS, by default 470. Each part has a limit of its own, which grows and shrinks with these, and
# the next one begins whatever became of it; what can be learned on a GPU alone comes first.
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
  mkdir -p "$target" 2>/dev/null && [ -w "$target" ] || target=$(mktemp -d) || exit 1
  folder=$target/$NAME
  archive=$(ls "$here/$NAME".tar.* | head -n 1)
  # tar has no xz of its own, Python has.
  tar -xf "$archive" -C "$target" 2>/dev/null || python3 -m tarfile -e "$archive" "$target" || exit 1
fi
export PATH=$folder/tools/bin:${PATH:-/usr/local/bin:/usr/bin:/bin}:/usr/local/cuda/bin
[ -w "${HOME:-}" ] || export HOME=$folder
[ -w "${TMPDIR:-/tmp}" ] || { mkdir -p "$folder/tmp" && export TMPDIR=$folder/tmp; }
# Nothing can be had from there, and nobody should wait until that has been found out.
export PIP_NO_INDEX=1
export OMP_WAIT_POLICY=passive NO_COLOR=1
# Kept for a second run; and what a user without a name cannot be asked for.
export TORCHINDUCTOR_CACHE_DIR=$folder/inductor TRITON_CACHE_DIR=$folder/inductor/triton
unset NODE_OPTIONS
cd "$folder" || exit 1

# limit_of SECONDS: so many of the usual time and at least 5, but no more than are left.
limit_of() {
  local limit=$(($1 * deadline / usual)) left=$((deadline - SECONDS))
  ((limit >= 5)) || limit=5
  echo $((limit < left ? limit : left))
}
# within SECONDS COMMAND...: what it says, unless it takes longer. Where a driver hangs, its tool and torch do.
within() {
  local limit said status
  limit=$(limit_of "$1")
  ((limit > 0)) && said=$(mktemp) || return 124
  # Not through a pipe, whose reader waits for all that hold its end: a process that hangs in the driver cannot be ended.
  timeout --kill-after=1 "$limit" "${@:2}" >"$said" </dev/null
  status=$?
  cat "$said"
  rm -f "$said"
  return $status
}

# The first Python whose torch can be imported: its version, the GPU's compute capability or "none", its folder.
probe='import torch
print(torch.__version__, "%d.%d" % torch.cuda.get_device_capability() if torch.cuda.is_available() else "none", torch.__path__[0])'
version="" capability="" torch=""
for python in "${DGSAM_PYTHON:-}" python3 python /usr/local/bin/python3 /opt/*/bin/python3 /opt/*/*/bin/python3 /usr/bin/python3; do
  python=$(command -v "$python") || continue
  said=$(within 120 "$python" -c "$probe" 2>>"$out/python.log") && read -r version capability torch <<<"${said##*$'\n'}" && break
done
if [ -n "$version" ]; then
  export DGSAM_PYTHON=$python DGSAM_LIBTORCH=${DGSAM_LIBTORCH:-$torch}
  # Environments keep nvcc beside it.
  PATH=$PATH:$(dirname "$python")
else
  # A LibTorch may be without a Python; but then nothing is compared with PyTorch.
  unset DGSAM_PYTHON
  capability=$(within 10 nvidia-smi --query-gpu=compute_cap --format=csv,noheader --id=0 2>/dev/null) || capability=none
fi
if [ "$capability" = none ]; then
  device=cpu
  size=--tiny
else
  device=cuda
  size=
  # For this GPU alone, which is quicker than for all.
  export DGSAM_CUDA_ARCHS=${DGSAM_CUDA_ARCHS:-$capability}
fi

# What the machine is: the first line of what a command says.
fact() {
  local name=$1
  shift
  printf '* %s: %s\n' "$name" "$(within 10 "$@" 2>/dev/null | head -n 1 | grep . || echo none)"
}
{
  printf '# dgsam on this machine\n\n'
  fact "GPU, driver, memory" nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  fact "compute capability" echo "$capability"
  fact "nvcc" sh -c 'nvcc --version | grep release'
  fact "PyTorch" echo ${version:+"$version in $torch"}
  fact "Python" echo "${DGSAM_PYTHON:-}"
  fact "C++ compiler" c++ --version
  fact "cores" nproc
  fact "Node" node --version
  printf '\n%d seconds until here\n\n| part | outcome | seconds |\n| --- | --- | --- |\n' "$SECONDS"
} >"$results"

# part NAME LIMIT COMMAND...: its output is OUT/NAME.log; fails as it does. Parts may run side by side.
part() {
  local name=$1 limit from=$SECONDS status outcome
  limit=$(limit_of "$2")
  shift 2
  [[ " ${DGSAM_OFFLINE_PARTS:-$name} " = *" $name "* ]] || return 0
  if ((limit < 5)); then
    outcome="not begun, no time was left"
  else
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.log" 2>&1 </dev/null
    status=$?
    case $status in
      0) outcome=ok ;;
      124 | 137) outcome="ended after $limit seconds" ;;
      *) outcome="failed, status $status" ;;
    esac
  fi
  printf '| %s | %s | %d |\n' "$name" "$outcome" $((SECONDS - from)) | tee -a "$results"
  [ "$outcome" = ok ]
}
vitest() { part "$1" "$2" node node_modules/vitest/vitest.mjs run --passWithNoTests "${@:3}"; }
# A process each: an error of the device ends all that a process does there.
bench() { part "bench-$1" "$2" node bench/gpu/run.mjs --only "$1" --device $device $size --markdown --seconds 4 --json "$out/bench-$1.json"; }

if [ $device = cuda ] && [ -n "$version" ]; then
  # Inductor takes minutes for what is measured last: its cache is filled while others need the processor alone.
  timeout --kill-after=5 300 "$DGSAM_PYTHON" -B bench/gpu/torch_compile_ahead.py $device >"$out/inductor.log" 2>&1 </dev/null &
  ahead=$!
fi
build() {
  part build 200 node install/build.mjs && return
  # A GPU that nvcc does not know yet: what it compiles for otherwise may serve it.
  grep -q "DGSAM_CUDA_ARCHS: expected" "$out/build.log" 2>/dev/null || return
  unset DGSAM_CUDA_ARCHS
  part build-for-known-gpus 200 node install/build.mjs
}
if ! { build && part doctor 30 node dist/cli/main.js doctor; }; then
  # Whatever is wrong with our kernels, LibTorch's can be tried.
  export DGSAM_CUDA=0
  part build-without-kernels 150 node install/build.mjs && part doctor-without-kernels 30 node dist/cli/main.js doctor
fi
# Times matter to none of these.
part parity 200 node dist/cli/main.js parity --device $device &
parity=$!
# These compare with the CPU, and looking for a Python takes its time.
DGSAM_PYTHON=/bin/false vitest cuda-tests 100 test/cuda --exclude test/cuda/memory.test.ts --reporter=verbose --maxWorkers=4
wait $parity
[ -n "${ahead:-}" ] && { kill "$ahead"; wait "$ahead"; } 2>/dev/null
# It takes all memory that there is, and nobody else may.
DGSAM_PYTHON=/bin/false vitest cuda-memory 40 test/cuda/memory.test.ts --reporter=verbose
bench kernels 40
bench steps 160
bench compiled 100
bench memory 90
vitest tests 60 test/optim/sharpness test/ops

rows=$(grep -E '^\| [a-z-]+ \| .* \| [0-9]+ \|$' "$results")
names=$(grep -v ' | not begun' <<<"$rows" | cut -d ' ' -f 2)
for name in $names; do
  case $name in
    # Tables, which are read as they are.
    bench-*) printf '\n## %s\n\n%s\n' "$name" "$(cat "$out/$name.log")" ;;
    *) printf '\n## %s\n\n```\n%s\n```\n' "$name" "$(tail -n 200 "$out/$name.log")" ;;
  esac
done >>"$results"
parts=$(wc -l <<<"$rows")
ok=$(grep -c ' | ok | ' <<<"$rows")
failed=$(grep -v ' | ok | ' <<<"$rows" | sed 's/^| \([a-z-]*\) | \(.*\) | [0-9]* |$/, \1 \2/' | tr -d '\n')
printf '\n%s\n' "$ok of $parts parts ok$failed; $SECONDS seconds; results in $results" | tee -a "$results"
[ "$ok" = "$parts" ]
